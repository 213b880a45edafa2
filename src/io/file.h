/**
 * Files: whole-file reading, atomic writing, folders. Everything that the library writes goes
 * through apf_output, so a reader never sees half a file and a full disk loses nothing old.
 *
 * Errors name the file and have the system's words. `ctx` holds the message; NULL is allowed here.
 */
#ifndef APF_IO_FILE_H
#define APF_IO_FILE_H

#include <allpole/core.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A file being written under a temporary name in the folder of the final one. */
typedef struct apf_output apf_output;

/**
 * Starts to write `path`. Whatever is there stays until apf_output_commit(); a symbolic link is
 * followed. APF_ERR_FILE where the folder is missing or unwritable, or `path` is a folder or
 * device.
 */
APF_MUST_CHECK apf_status apf_output_open(apf_context *ctx, const char *path, apf_output **out);

/** Appends. After a failure nothing but apf_output_discard() makes sense. */
APF_MUST_CHECK apf_status apf_output_write(apf_output *output, const void *bytes, size_t count);

/** For writers that seek; their failures are reported with apf_output_fail(). */
int apf_output_descriptor(const apf_output *output);

/** Sets the message "cannot write PATH: (words of `error_number`)". @return APF_ERR_FILE. */
apf_status apf_output_fail(apf_output *output, int error_number);

/** Flushes to the disk, gives the file its final name, frees `output`. On failure the temporary
 * file is gone, the old one untouched, and `output` freed all the same. */
APF_MUST_CHECK apf_status apf_output_commit(apf_output *output);

/** Removes the temporary file and frees. NULL is allowed. */
void apf_output_discard(apf_output *output);

/** The four steps above for bytes that are at hand. */
APF_MUST_CHECK apf_status apf_write_file(apf_context *ctx, const char *path, const void *bytes,
                                         size_t count);

/**
 * Opens a regular file for reading; `*bytes` is its size. The caller closes `*descriptor`.
 * APF_ERR_FILE where it is missing, unreadable, a folder or a device.
 */
APF_MUST_CHECK apf_status apf_open_file(apf_context *ctx, const char *path, int *descriptor,
                                        int64_t *bytes);

/** Reads exactly `count` bytes at `offset`. APF_ERR_FILE if the file ends before. */
APF_MUST_CHECK apf_status apf_read_at(apf_context *ctx, const char *path, int descriptor,
                                      int64_t offset, void *bytes, size_t count);

/** The whole of a file of at most `limit` bytes, followed by a zero byte; free() it. `count` may be
 *  NULL. APF_ERR_FORMAT if the file is longer. */
APF_MUST_CHECK apf_status apf_read_file(apf_context *ctx, const char *path, size_t limit,
                                        char **out, size_t *count);

/** Creates a folder and its parents; an existing folder is fine. */
APF_MUST_CHECK apf_status apf_make_directory(apf_context *ctx, const char *path);

#ifdef __cplusplus
}
#endif
#endif
