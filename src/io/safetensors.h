/**
 * The safetensors format: named arrays and a map of strings in one file, without code in it.
 *
 *   8 bytes N, little-endian | N bytes of JSON | the arrays' bytes, without holes or overlap
 *
 * Files may come from anybody: everything in the header is checked against the file's real size
 * before anything is allocated from it.
 */
#ifndef APF_IO_SAFETENSORS_H
#define APF_IO_SAFETENSORS_H

#include <allpole/core.h>

#ifdef __cplusplus
extern "C" {
#endif

struct json_t;

enum { APF_TENSOR_MAX_RANK = 8 };

/** What an array holds. */
typedef enum apf_tensor_type {
  APF_TENSOR_BOOL,
  APF_TENSOR_U8,
  APF_TENSOR_I8,
  APF_TENSOR_U16,
  APF_TENSOR_I16,
  APF_TENSOR_U32,
  APF_TENSOR_I32,
  APF_TENSOR_U64,
  APF_TENSOR_I64,
  APF_TENSOR_F32,
  APF_TENSOR_F64
} apf_tensor_type;

/** An array, row-major. Rank 0 is one number. */
typedef struct apf_tensor {
  const char *name;
  apf_tensor_type type;
  int rank;
  int64_t shape[APF_TENSOR_MAX_RANK];
  const void *data; /**< when read: 64-byte aligned */
} apf_tensor;

typedef struct apf_metadata {
  const char *key, *value;
} apf_metadata;

/** A file in memory. The order of both lists is that of the header. */
typedef struct apf_safetensors {
  char *path;
  int tensor_count;
  apf_tensor *tensors;
  int metadata_count;
  apf_metadata *metadata;
  struct json_t *header; /**< owns the strings */
  void *storage;         /**< owns the arrays */
} apf_safetensors;

/** "F32", "I64", ... */
const char *apf_tensor_type_name(apf_tensor_type type);
/** Bytes of one element. */
size_t apf_tensor_type_bytes(apf_tensor_type type);
/** Number of elements; 1 for rank 0; -1 where it does not fit in 64 bits. */
int64_t apf_tensor_elements(const apf_tensor *tensor);

/**
 * Reads a file. `*out` is NULL on failure. `ctx` (for the message) may be NULL.
 * @return APF_ERR_FILE (missing, unreadable), APF_ERR_FORMAT (truncated, or a header that breaks a
 *         rule; the message says which, and what was expected), APF_ERR_MEMORY.
 */
APF_MUST_CHECK apf_status apf_safetensors_read(apf_context *ctx, const char *path,
                                               apf_safetensors **out);
/** The same from bytes; `name` stands for the path in messages. */
APF_MUST_CHECK apf_status apf_safetensors_parse(apf_context *ctx, const char *name,
                                                const void *bytes, size_t count,
                                                apf_safetensors **out);
/** NULL is allowed. */
void apf_safetensors_free(apf_safetensors *file);

/** The tensor of this name, or NULL. */
const apf_tensor *apf_safetensors_find(const apf_safetensors *file, const char *name);
/** The value of a metadata key, or NULL. */
const char *apf_safetensors_metadata(const apf_safetensors *file, const char *key);

/**
 * The tensor of this name and shape. A size of -1 in `shape` stands for any.
 * @return APF_ERR_FORMAT (no such tensor), APF_ERR_MISMATCH (another shape; the message has both).
 */
APF_MUST_CHECK apf_status apf_safetensors_require(apf_context *ctx, const apf_safetensors *file,
                                                  const char *name, int rank, const int64_t *shape,
                                                  const apf_tensor **out);

/** Converts every element; integers beyond 2^53 are rounded. */
void apf_tensor_to_f64(const apf_tensor *tensor, double *out);
void apf_tensor_to_f32(const apf_tensor *tensor, float *out);

/**
 * Writes a file atomically. The same call gives the same bytes: metadata in the given order, then
 * the tensors, widest elements first (so that all are aligned) and otherwise in the given order.
 * @return APF_ERR_ARGUMENT (a name that is NULL, not UTF-8, reserved or there twice; a bad type,
 *         rank or size; NULL data), APF_ERR_MEMORY, APF_ERR_FILE. On failure `path` is as before.
 */
APF_MUST_CHECK apf_status apf_safetensors_write(apf_context *ctx, const char *path,
                                                int tensor_count, const apf_tensor *tensors,
                                                int metadata_count, const apf_metadata *metadata);

#ifdef __cplusplus
}
#endif
#endif
