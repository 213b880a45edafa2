/**
 * Reading safetensors from a file or from memory, with every rule of the format checked.
 *
 * The order is what makes hostile files harmless: the header's length is checked against the file,
 * its nesting and number of values before the JSON library sees it, then each tensor against its
 * own size and the file's; only then is memory for the arrays allocated, never more than the file
 * is long (and alignment).
 */
#include "io/safetensors.h"

#include "core/context.h"
#include "io/file.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors files are little-endian, and so must this machine be"
#endif

enum {
  LENGTH_BYTES = 8,
  HEADER_MAX = 100000000, /* bytes; the limit of the format's own implementation */
  VALUES_MAX = 4000000,   /* JSON values in a header: what bounds the memory of the parsed tree */
  DEPTH_MAX = 8,          /* a valid header nests three levels */
  ALIGNMENT = 64,
};

/** Where the bytes come from: a file, or memory if `bytes` is not NULL. */
typedef struct source {
  apf_context *ctx;
  const char *name;
  int64_t size;
  const char *bytes;
  int descriptor;
} source;

/** Part of the data block that belongs to tensor `index`. */
typedef struct extent {
  int64_t begin, end;
  int index;
} extent;

static apf_status fetch(const source *from, int64_t offset, void *to, size_t count)
{
  if (!from->bytes) return apf_read_at(from->ctx, from->name, from->descriptor, offset, to, count);
  memcpy(to, from->bytes + offset, count);
  return APF_OK;
}

static apf_status no_memory(const source *from, size_t bytes)
{
  return apf_fail(from->ctx, APF_ERR_MEMORY, "apf_safetensors_read",
                  "%s needs %zu bytes, which cannot be allocated", from->name, bytes);
}

#define BAD(from, ...) apf_fail((from)->ctx, APF_ERR_FORMAT, "apf_safetensors_read", __VA_ARGS__)

/** A name from the file as a message may show it: short, and nothing that a terminal obeys. */
typedef struct shown {
  char text[64];
} shown;

static shown show(const char *name)
{
  shown out;
  size_t n = 0;
  for (; n < sizeof out.text - 1 && name[n]; n++)
    out.text[n] = (unsigned char)name[n] < 0x20 || name[n] == 0x7f ? '?' : name[n];
  out.text[n] = '\0';
  return out;
}

/* --- the header ------------------------------------------------------------------------------- */

/** Bounds nesting and number of values, outside strings. Validity is the JSON library's business.
 */
static apf_status check_bounds(const source *from, const char *text, size_t length)
{
  int depth = 0, values = 0;
  bool quoted = false;
  for (size_t i = 0; i < length; i++) {
    const char c = text[i];
    if (quoted && c == '\\') {
      i++;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted) {
      if (c == '{' || c == '[') depth++;
      if (c == '}' || c == ']') depth--;
      if (c == ',' || c == ':') values++;
      if (depth > DEPTH_MAX)
        return BAD(from, "%s: the header nests deeper than %d levels, expected 3", from->name,
                   DEPTH_MAX);
      if (values > VALUES_MAX)
        return BAD(from, "%s: the header has more than %d values", from->name, VALUES_MAX);
    }
  }
  return APF_OK;
}

/** Reads and parses the JSON; `*data_at` is where the arrays' bytes begin. */
static apf_status read_header(const source *from, json_t **out, int64_t *data_at)
{
  uint64_t length = 0;
  if (from->size < LENGTH_BYTES)
    return BAD(from, "%s has %" PRId64 " bytes, expected a safetensors file of at least %d",
               from->name, from->size, LENGTH_BYTES + 2);
  APF_TRY(fetch(from, 0, &length, LENGTH_BYTES));
  if (length > HEADER_MAX)
    return BAD(from,
               "%s announces a header of %" PRIu64
               " bytes, expected at most %d: not a safetensors file",
               from->name, length, HEADER_MAX);
  if ((int64_t)length > from->size - LENGTH_BYTES)
    return BAD(from, "%s: the header of %" PRIu64 " bytes is cut off after %" PRId64, from->name,
               length, from->size - LENGTH_BYTES);
  char *text = malloc((size_t)length + 1);
  if (!text) return no_memory(from, (size_t)length + 1);
  json_error_t error = {.text = ""};
  apf_status status = fetch(from, LENGTH_BYTES, text, (size_t)length);
  if (status == APF_OK && (length == 0 || text[0] != '{'))
    status = BAD(from, "%s: the header does not begin with '{'", from->name);
  if (status == APF_OK) status = check_bounds(from, text, (size_t)length);
  if (status == APF_OK) {
    *out = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    if (!*out)
      status = BAD(from, "%s: the header is not valid JSON: %s (byte %d)", from->name,
                   show(error.text).text, error.position);
  }
  free(text);
  *data_at = LENGTH_BYTES + (int64_t)length;
  return status;
}

static apf_status read_metadata(const source *from, json_t *map, apf_safetensors *file)
{
  if (!json_is_object(map))
    return BAD(from, "%s: __metadata__ is not a map of strings", from->name);
  const size_t size = json_object_size(map);
  file->metadata = calloc(size ? size : 1, sizeof *file->metadata);
  if (!file->metadata) return no_memory(from, size * sizeof *file->metadata);
  const char *key;
  json_t *value;
  json_object_foreach(map, key, value)
  {
    if (!json_is_string(value))
      return BAD(from, "%s: the metadata '%s' is not a string", from->name, show(key).text);
    file->metadata[file->metadata_count++] = (apf_metadata){key, json_string_value(value)};
  }
  return APF_OK;
}

/* --- one tensor's entry ----------------------------------------------------------------------- */

static apf_status read_type(const source *from, const json_t *entry, apf_tensor *tensor)
{
  const char *name = json_string_value(json_object_get(entry, "dtype"));
  for (int type = APF_TENSOR_BOOL; name && type <= APF_TENSOR_F64; type++)
    if (strcmp(name, apf_tensor_type_name((apf_tensor_type)type)) == 0) {
      tensor->type = (apf_tensor_type)type;
      return APF_OK;
    }
  return BAD(from, "%s: tensor '%s' has dtype '%s', expected BOOL, U8 to I64, F32 or F64",
             from->name, show(tensor->name).text, name ? show(name).text : "(none)");
}

static apf_status read_shape(const source *from, const json_t *entry, apf_tensor *tensor)
{
  const json_t *shape = json_object_get(entry, "shape");
  const size_t rank = json_array_size(shape);
  if (!json_is_array(shape) || rank > APF_TENSOR_MAX_RANK)
    return BAD(from, "%s: the shape of tensor '%s' is not a list of at most %d sizes", from->name,
               show(tensor->name).text, APF_TENSOR_MAX_RANK);
  tensor->rank = (int)rank;
  for (size_t i = 0; i < rank; i++) {
    const json_t *size = json_array_get(shape, i);
    if (!json_is_integer(size) || json_integer_value(size) < 0)
      return BAD(from, "%s: a size in the shape of tensor '%s' is not an integer >= 0", from->name,
                 show(tensor->name).text);
    tensor->shape[i] = json_integer_value(size);
  }
  return APF_OK;
}

/** The offsets, which must lie inside the `available` bytes and fit type and shape. */
static apf_status read_extent(const source *from, const json_t *entry, const apf_tensor *tensor,
                              int64_t available, extent *out)
{
  const json_t *offsets = json_object_get(entry, "data_offsets");
  const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
  if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
    return BAD(from, "%s: data_offsets of tensor '%s' are not two integers", from->name,
               show(tensor->name).text);
  out->begin = json_integer_value(begin);
  out->end = json_integer_value(end);
  if (out->begin < 0 || out->end < out->begin || out->end > available)
    return BAD(from,
               "%s: data_offsets of tensor '%s' are %" PRId64 ", %" PRId64
               ", expected rising offsets within the %" PRId64 " bytes of data (is it truncated?)",
               from->name, show(tensor->name).text, out->begin, out->end, available);
  const int64_t sizes[] = {apf_tensor_elements(tensor),
                           (int64_t)apf_tensor_type_bytes(tensor->type)};
  const int64_t bytes = sizes[0] < 0 ? -1 : apf_product(2, sizes);
  if (bytes < 0)
    return BAD(from, "%s: the size of tensor '%s' overflows 64 bits", from->name,
               show(tensor->name).text);
  if (bytes != out->end - out->begin)
    return BAD(from, "%s: tensor '%s' has %" PRId64 " bytes, its type and shape need %" PRId64,
               from->name, show(tensor->name).text, out->end - out->begin, bytes);
  return APF_OK;
}

static apf_status read_entry(const source *from, const json_t *entry, int64_t available,
                             apf_tensor *tensor, extent *where)
{
  if (!json_is_object(entry))
    return BAD(from, "%s: the entry of tensor '%s' is not an object", from->name,
               show(tensor->name).text);
  APF_TRY(read_type(from, entry, tensor));
  APF_TRY(read_shape(from, entry, tensor));
  return read_extent(from, entry, tensor, available, where);
}

/* --- the data --------------------------------------------------------------------------------- */

static int by_position(const void *left, const void *right)
{
  const extent *a = left, *b = right;
  if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
  if (a->end != b->end) return a->end < b->end ? -1 : 1;
  return a->index - b->index;
}

/** In file order the tensors must follow each other exactly and fill the data block. */
static apf_status check_layout(const source *from, const apf_safetensors *file, extent *extents,
                               int64_t available)
{
  qsort(extents, (size_t)file->tensor_count, sizeof *extents, by_position);
  int64_t at = 0;
  for (int i = 0; i < file->tensor_count; i++) {
    if (extents[i].begin != at)
      return BAD(from, "%s: tensor '%s' begins at %" PRId64 ", expected %" PRId64 " (%s)",
                 from->name, show(file->tensors[extents[i].index].name).text, extents[i].begin, at,
                 extents[i].begin < at ? "tensors overlap" : "a hole in the data");
    at = extents[i].end;
  }
  if (at != available)
    return BAD(from, "%s: the tensors end at %" PRId64 ", the data at %" PRId64, from->name, at,
               available);
  return APF_OK;
}

static size_t aligned(int64_t bytes)
{
  return ((size_t)bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/** Copies each tensor to an aligned place of its own: the file need not align them. */
static apf_status load(const source *from, apf_safetensors *file, const extent *extents,
                       int64_t data_at)
{
  size_t total = ALIGNMENT;
  for (int i = 0; i < file->tensor_count; i++) total += aligned(extents[i].end - extents[i].begin);
  file->storage = aligned_alloc(ALIGNMENT, total);
  if (!file->storage) return no_memory(from, total);
  char *next = file->storage;
  for (int i = 0; i < file->tensor_count; i++) {
    const int64_t bytes = extents[i].end - extents[i].begin;
    APF_TRY(fetch(from, data_at + extents[i].begin, next, (size_t)bytes));
    file->tensors[extents[i].index].data = next;
    next += aligned(bytes);
  }
  return APF_OK;
}

static apf_status read_tensors(const source *from, apf_safetensors *file, int64_t data_at)
{
  const int64_t available = from->size - data_at;
  const size_t entries = json_object_size(file->header) + 1; /* one more: never calloc(0) */
  extent *extents = calloc(entries, sizeof *extents);
  file->tensors = calloc(entries, sizeof *file->tensors);
  apf_status status = APF_OK;
  if (!extents || !file->tensors) {
    status = no_memory(from, entries * (sizeof *extents + sizeof *file->tensors));
    goto done;
  }
  const char *name;
  json_t *entry;
  json_object_foreach(file->header, name, entry)
  {
    if (strcmp(name, "__metadata__") == 0) {
      APF_TRY_GOTO(read_metadata(from, entry, file), done);
      continue;
    }
    const int i = file->tensor_count++;
    file->tensors[i].name = name;
    extents[i].index = i;
    APF_TRY_GOTO(read_entry(from, entry, available, &file->tensors[i], &extents[i]), done);
  }
  APF_TRY_GOTO(check_layout(from, file, extents, available), done);
  status = load(from, file, extents, data_at);
done:
  free(extents);
  return status;
}

static apf_status read_source(const source *from, apf_safetensors **out)
{
  int64_t data_at = 0;
  apf_safetensors *file = calloc(1, sizeof *file);
  if (!file) return no_memory(from, sizeof *file);
  file->path = strdup(from->name);
  apf_status status =
      file->path ? read_header(from, &file->header, &data_at) : no_memory(from, strlen(from->name));
  if (status == APF_OK) status = read_tensors(from, file, data_at);
  if (status != APF_OK) {
    apf_safetensors_free(file);
    return status;
  }
  *out = file;
  return APF_OK;
}

apf_status apf_safetensors_read(apf_context *ctx, const char *path, apf_safetensors **out)
{
  *out = NULL;
  source from = {.ctx = ctx, .name = path};
  APF_TRY(apf_open_file(ctx, path, &from.descriptor, &from.size));
  apf_status status = read_source(&from, out);
  close(from.descriptor);
  return status;
}

apf_status apf_safetensors_parse(apf_context *ctx, const char *name, const void *bytes,
                                 size_t count, apf_safetensors **out)
{
  *out = NULL;
  const source from = {.ctx = ctx,
                       .name = name,
                       .size = (int64_t)count,
                       .bytes = bytes ? bytes : "",
                       .descriptor = -1};
  return read_source(&from, out);
}

void apf_safetensors_free(apf_safetensors *file)
{
  if (!file) return;
  json_decref(file->header);
  free(file->path);
  free(file->tensors);
  free(file->metadata);
  free(file->storage);
  free(file);
}
