/** Reading whole files, and writing them so that a failure at any moment leaves the old file. */
#include "io/file.h"

#include "core/context.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct apf_output {
  apf_context *ctx;
  char *path;
  char *temporary;
  int descriptor; /* -1 once closed */
};

static apf_status out_of_memory(apf_context *ctx, const char *function, size_t bytes)
{
  return apf_fail(ctx, APF_ERR_MEMORY, function, "cannot allocate %zu bytes", bytes);
}

/* --- writing ---------------------------------------------------------------------------------- */

/** Where the bytes of `path` really go: links are followed, and only regular files are replaced,
 *  because a rename would otherwise put a file in the place of /dev/null. */
static apf_status resolve(apf_context *ctx, const char *path, char **out)
{
  struct stat there;
  bool exists = stat(path, &there) == 0;
  if (exists && !S_ISREG(there.st_mode))
    return apf_fail(ctx, APF_ERR_FILE, __func__, "cannot write %s: it is not a regular file", path);
  if (exists) {
    *out = realpath(path, NULL);
    if (!*out)
      return apf_fail(ctx, APF_ERR_FILE, __func__, "cannot write %s: %s", path, strerror(errno));
    return APF_OK;
  }
  *out = strdup(path);
  return *out ? APF_OK : out_of_memory(ctx, __func__, strlen(path) + 1);
}

/** Creates PATH.PID.N.tmp, with the permissions that the user's umask gives a new file. */
static int create_temporary(const char *path, char *name, size_t size)
{
  static atomic_uint serial;
  for (;;) {
    snprintf(name, size, "%s.%ld.%u.tmp", path, (long)getpid(), atomic_fetch_add(&serial, 1));
    int descriptor = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0 || errno != EEXIST) return descriptor;
  }
}

static void free_output(apf_output *output)
{
  if (output->descriptor >= 0) close(output->descriptor);
  free(output->temporary);
  free(output->path);
  free(output);
}

apf_status apf_output_open(apf_context *ctx, const char *path, apf_output **out)
{
  enum { SUFFIX = 48 }; /* of PID, serial number and ".tmp" */
  *out = NULL;
  if (!path || !*path)
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "path is %s, expected a file name",
                    path ? "empty" : "NULL");
  apf_output *output = calloc(1, sizeof *output);
  if (!output) return out_of_memory(ctx, __func__, sizeof *output);
  output->ctx = ctx;
  output->descriptor = -1;
  apf_status status = APF_OK;
  APF_TRY_GOTO(resolve(ctx, path, &output->path), fail);
  const size_t size = strlen(output->path) + SUFFIX;
  output->temporary = malloc(size);
  if (!output->temporary) {
    status = out_of_memory(ctx, __func__, size);
    goto fail;
  }
  output->descriptor = create_temporary(output->path, output->temporary, size);
  if (output->descriptor < 0) {
    status = apf_output_fail(output, errno);
    goto fail;
  }
  *out = output;
  return APF_OK;
fail:
  free_output(output);
  return status;
}

apf_status apf_output_fail(apf_output *output, int error_number)
{
  return apf_fail(output->ctx, APF_ERR_FILE, "apf_output", "cannot write %s: %s", output->path,
                  strerror(error_number));
}

apf_status apf_output_write(apf_output *output, const void *bytes, size_t count)
{
  const char *next = bytes;
  while (count > 0) {
    ssize_t written = write(output->descriptor, next, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return apf_output_fail(output, errno);
    next += written;
    count -= (size_t)written;
  }
  return APF_OK;
}

int apf_output_descriptor(const apf_output *output)
{
  return output->descriptor;
}

/** Makes the new name itself durable. Not every file system can; the file is whole either way. */
static void sync_folder(char *path)
{
  int folder = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  (void)fsync(folder);
  close(folder);
}

apf_status apf_output_commit(apf_output *output)
{
  int failed = fsync(output->descriptor) ? errno : 0;
  if (close(output->descriptor) != 0 && !failed) failed = errno;
  output->descriptor = -1;
  if (!failed && rename(output->temporary, output->path) != 0) failed = errno;
  if (failed) {
    apf_status status = apf_output_fail(output, failed);
    apf_output_discard(output);
    return status;
  }
  sync_folder(output->path);
  free_output(output);
  return APF_OK;
}

void apf_output_discard(apf_output *output)
{
  if (!output) return;
  unlink(output->temporary);
  free_output(output);
}

apf_status apf_write_file(apf_context *ctx, const char *path, const void *bytes, size_t count)
{
  apf_output *output = NULL;
  APF_TRY(apf_output_open(ctx, path, &output));
  apf_status status = apf_output_write(output, bytes, count);
  if (status == APF_OK) return apf_output_commit(output);
  apf_output_discard(output);
  return status;
}

/* --- reading ---------------------------------------------------------------------------------- */

apf_status apf_open_file(apf_context *ctx, const char *path, int *descriptor, int64_t *bytes)
{
  *descriptor = -1;
  if (!path) return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "path is NULL, expected a file name");
  /* Non-blocking, so that opening a pipe nobody writes to is refused and does not wait. */
  int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (opened < 0)
    return apf_fail(ctx, APF_ERR_FILE, __func__, "cannot open %s: %s", path, strerror(errno));
  struct stat there;
  int failed = fstat(opened, &there) ? errno : 0;
  if (failed || !S_ISREG(there.st_mode)) {
    close(opened);
    return apf_fail(ctx, APF_ERR_FILE, __func__, "cannot read %s: %s", path,
                    failed ? strerror(failed) : "it is not a regular file");
  }
  *descriptor = opened;
  *bytes = (int64_t)there.st_size;
  return APF_OK;
}

apf_status apf_read_at(apf_context *ctx, const char *path, int descriptor, int64_t offset,
                       void *bytes, size_t count)
{
  char *next = bytes;
  while (count > 0) {
    ssize_t got = pread(descriptor, next, count, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return apf_fail(ctx, APF_ERR_FILE, __func__, "cannot read %s: %s", path, strerror(errno));
    if (got == 0)
      return apf_fail(ctx, APF_ERR_FILE, __func__,
                      "%s ends at byte %" PRId64 ", expected %zu more (was it cut meanwhile?)",
                      path, offset, count);
    next += got;
    offset += got;
    count -= (size_t)got;
  }
  return APF_OK;
}

apf_status apf_read_file(apf_context *ctx, const char *path, size_t limit, char **out,
                         size_t *count)
{
  *out = NULL;
  int descriptor = -1;
  int64_t bytes = 0;
  APF_TRY(apf_open_file(ctx, path, &descriptor, &bytes));
  apf_status status = APF_OK;
  char *text = NULL;
  if ((uint64_t)bytes > limit)
    status = apf_fail(ctx, APF_ERR_FORMAT, __func__,
                      "%s has %" PRId64 " bytes, expected at most %zu", path, bytes, limit);
  else if (!(text = malloc((size_t)bytes + 1)))
    status = out_of_memory(ctx, __func__, (size_t)bytes + 1);
  else
    status = apf_read_at(ctx, path, descriptor, 0, text, (size_t)bytes);
  close(descriptor);
  if (status != APF_OK) {
    free(text);
    return status;
  }
  text[bytes] = '\0';
  *out = text;
  if (count) *count = (size_t)bytes;
  return APF_OK;
}

/* --- folders ---------------------------------------------------------------------------------- */

/** mkdir() that is content with a folder that is there already. @return 0 or an error number. */
static int make_one(const char *path)
{
  if (mkdir(path, 0777) == 0) return 0;
  int failed = errno;
  struct stat there;
  if (stat(path, &there) != 0) return failed;
  return S_ISDIR(there.st_mode) ? 0 : ENOTDIR;
}

apf_status apf_make_directory(apf_context *ctx, const char *path)
{
  if (!path || !*path)
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "path is %s, expected a folder's name",
                    path ? "empty" : "NULL");
  char *partial = strdup(path);
  if (!partial) return out_of_memory(ctx, __func__, strlen(path) + 1);
  int failed = 0;
  for (char *slash = strchr(partial + 1, '/'); slash && !failed; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    failed = make_one(partial);
    *slash = '/';
  }
  if (!failed) failed = make_one(partial);
  free(partial);
  if (failed)
    return apf_fail(ctx, APF_ERR_FILE, __func__, "cannot create the folder %s: %s", path,
                    strerror(failed));
  return APF_OK;
}
