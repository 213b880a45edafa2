/**
 * Audio files through libsndfile, which reads and writes by way of our own descriptors: then errors
 * have the system's words, and a file being written has a temporary name.
 */
#include "io/audio.h"

#include "core/context.h"
#include "io/file.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <sndfile.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_FRAMES = 4096, FIRST_FRAMES = 1 << 16 };

/** A descriptor as libsndfile's virtual file; `failed` is the first error number. */
typedef struct stream {
  int descriptor;
  int failed;
} stream;

static sf_count_t stream_seek(sf_count_t offset, int whence, void *data)
{
  return lseek(((stream *)data)->descriptor, offset, whence);
}

static sf_count_t stream_tell(void *data)
{
  return lseek(((stream *)data)->descriptor, 0, SEEK_CUR);
}

static sf_count_t stream_length(void *data)
{
  const sf_count_t at = stream_tell(data);
  const sf_count_t end = stream_seek(0, SEEK_END, data);
  stream_seek(at, SEEK_SET, data);
  return end;
}

static sf_count_t stream_read(void *bytes, sf_count_t count, void *data)
{
  stream *from = data;
  sf_count_t done = 0;
  while (done < count) {
    ssize_t got = read(from->descriptor, (char *)bytes + done, (size_t)(count - done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && !from->failed) from->failed = errno;
    if (got <= 0) break;
    done += got;
  }
  return done;
}

static sf_count_t stream_write(const void *bytes, sf_count_t count, void *data)
{
  stream *to = data;
  sf_count_t done = 0;
  while (done < count) {
    ssize_t put = write(to->descriptor, (const char *)bytes + done, (size_t)(count - done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      if (!to->failed) to->failed = errno;
      break;
    }
    done += put;
  }
  return done;
}

/** Opens; where that fails `why` gets the reason. libsndfile keeps it in a global variable, hence
 *  the lock. */
static SNDFILE *open_stream(stream *on, int mode, SF_INFO *info, char *why, size_t size)
{
  static SF_VIRTUAL_IO calls = {.get_filelen = stream_length,
                                .seek = stream_seek,
                                .read = stream_read,
                                .write = stream_write,
                                .tell = stream_tell};
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&lock);
  SNDFILE *file = sf_open_virtual(&calls, mode, info, on);
  if (!file) {
    const char *text = on->failed ? strerror(on->failed) : sf_strerror(NULL);
    strncpy(why, text, size - 1);
    why[size - 1] = '\0';
  }
  pthread_mutex_unlock(&lock);
  return file;
}

/* --- reading ---------------------------------------------------------------------------------- */

/** Turns seconds into frames begin..end-1 of the file. */
static apf_status find_part(apf_context *ctx, const char *path, const SF_INFO *info, double start_s,
                            double end_s, int64_t *begin, int64_t *end)
{
  const double length_s = (double)info->frames / info->samplerate;
  const double half_s = 0.5 / info->samplerate;
  if (!(start_s >= 0) || !(start_s < length_s) || !(end_s < length_s + half_s))
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_audio_read",
                    "the part from %g s to %g s reaches outside %s, which has %g s", start_s, end_s,
                    path, length_s);
  *begin = llround(start_s * info->samplerate);
  *end = end_s < 0 ? info->frames : llround(end_s * info->samplerate);
  if (*end > info->frames) *end = info->frames;
  if (*end <= *begin)
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_audio_read",
                    "the part from %g s to %g s of %s has no samples", start_s, end_s, path);
  return APF_OK;
}

static apf_status no_memory(apf_context *ctx, const char *path, int channels, int64_t frames)
{
  return apf_fail(ctx, APF_ERR_MEMORY, "apf_audio_read",
                  "cannot allocate %d channels of %" PRId64 " samples of %s", channels, frames,
                  path);
}

/** Room for `frames` interleaved frames; the old memory stays where that fails. */
static bool resize(float **block, int channels, int64_t frames)
{
  const int64_t sizes[] = {channels, frames, sizeof(float)};
  const int64_t bytes = apf_product(3, sizes);
  float *larger = bytes > 0 ? realloc(*block, (size_t)bytes) : NULL;
  if (larger) *block = larger;
  return larger != NULL;
}

/** Reads `frames` interleaved frames. Memory grows with what is there: a header may lie. */
static apf_status read_frames(apf_context *ctx, const char *path, SNDFILE *file, int channels,
                              int64_t frames, float **block)
{
  int64_t capacity = 0, at = 0, got = 1;
  while (at < frames && got > 0) {
    if (at == capacity) {
      capacity = capacity == 0 ? FIRST_FRAMES : 2 * capacity;
      if (capacity > frames) capacity = frames;
      if (!resize(block, channels, capacity)) return no_memory(ctx, path, channels, capacity);
    }
    got = sf_readf_float(file, *block + at * channels, capacity - at);
    if (got > 0) at += got;
  }
  if (at < frames)
    return apf_fail(ctx, APF_ERR_FORMAT, "apf_audio_read",
                    "%s is truncated: %" PRId64 " samples of %" PRId64 " (%s)", path, at, frames,
                    sf_strerror(file));
  return APF_OK;
}

/** Fills out->samples from the file's present position. */
static apf_status read_samples(apf_context *ctx, const char *path, SNDFILE *file, apf_audio *out)
{
  float *block = NULL;
  apf_status status = read_frames(ctx, path, file, out->channels, out->frames, &block);
  if (status == APF_OK && out->channels == 1) {
    out->samples = block;
    return APF_OK;
  }
  if (status == APF_OK && !resize(&out->samples, out->channels, out->frames))
    status = no_memory(ctx, path, out->channels, out->frames);
  if (status == APF_OK)
    for (int c = 0; c < out->channels; c++)
      for (int64_t t = 0; t < out->frames; t++)
        out->samples[c * out->frames + t] = block[t * out->channels + c];
  free(block);
  return status;
}

static apf_status read_part(apf_context *ctx, const char *path, SNDFILE *file, const SF_INFO *info,
                            double start_s, double end_s, apf_audio *out)
{
  if (info->frames <= 0 || info->channels <= 0 || info->samplerate <= 0)
    return apf_fail(ctx, APF_ERR_FORMAT, "apf_audio_read",
                    "%s has no samples (%" PRId64 " in %d channels at %d Hz)", path,
                    (int64_t)info->frames, info->channels, info->samplerate);
  int64_t begin = 0, end = 0;
  APF_TRY(find_part(ctx, path, info, start_s, end_s, &begin, &end));
  out->channels = info->channels;
  out->sample_rate = info->samplerate;
  out->frames = end - begin;
  if (begin > 0 && sf_seek(file, begin, SEEK_SET) != begin)
    return apf_fail(ctx, APF_ERR_FORMAT, "apf_audio_read", "cannot go to %g s of %s: %s", start_s,
                    path, sf_strerror(file));
  APF_TRY(read_samples(ctx, path, file, out));
  return apf_audio_check_finite(ctx, "apf_audio_read", path, out, begin);
}

apf_status apf_audio_read(apf_context *ctx, const char *path, double start_s, double end_s,
                          apf_audio *out)
{
  if (!ctx) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "ctx is NULL");
  if (!out) return apf_fail(ctx, APF_ERR_ARGUMENT, __func__, "out is NULL");
  *out = (apf_audio){0};
  stream from = {.descriptor = -1};
  int64_t bytes = 0;
  APF_TRY(apf_open_file(ctx, path, &from.descriptor, &bytes));
  SF_INFO info = {0};
  char why[256];
  apf_status status;
  SNDFILE *file = open_stream(&from, SFM_READ, &info, why, sizeof why);
  if (file) {
    status = read_part(ctx, path, file, &info, start_s, end_s, out);
    sf_close(file);
  } else {
    status = apf_fail(ctx, APF_ERR_FORMAT, __func__, "%s is not an audio file that can be read: %s",
                      path, bytes ? why : "it is empty");
  }
  close(from.descriptor);
  if (status != APF_OK) apf_audio_free(out);
  return status;
}

/* --- writing ---------------------------------------------------------------------------------- */

static const struct {
  int subtype, bits;
} formats[] = {[APF_AUDIO_FLOAT32] = {SF_FORMAT_FLOAT, 32},
               [APF_AUDIO_PCM16] = {SF_FORMAT_PCM_16, 16},
               [APF_AUDIO_PCM24] = {SF_FORMAT_PCM_24, 24}};

static apf_status check_audio(apf_context *ctx, const char *function, const char *path,
                              apf_audio_format format, const apf_audio *audio)
{
  static const int64_t wav_max = (INT64_C(1) << 32) - 4096; /* leaves room for the header */
  if (!path) return apf_fail(ctx, APF_ERR_ARGUMENT, function, "path is NULL");
  if (!audio || !audio->samples)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "audio or its samples are NULL");
  if ((int)format < 0 || format > APF_AUDIO_PCM24)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function, "format is %d, expected 0 to %d", (int)format,
                    APF_AUDIO_PCM24);
  if (audio->channels < 1 || audio->channels > 1024 || audio->frames < 1 || audio->sample_rate < 1)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                    "%d channels of %" PRId64
                    " samples at %d Hz, expected 1 to 1024 channels, at least one sample and 1 Hz",
                    audio->channels, audio->frames, audio->sample_rate);
  const int64_t sizes[] = {audio->channels, audio->frames, formats[format].bits / 8};
  const int64_t bytes = apf_product(3, sizes);
  if (bytes < 0 || bytes > wav_max)
    return apf_fail(ctx, APF_ERR_ARGUMENT, function,
                    "%d channels of %" PRId64 " samples are more than the 4 GiB of a WAV file",
                    audio->channels, audio->frames);
  return apf_audio_check_finite(ctx, function, path, audio, 0);
}

/** A sample as libsndfile's 32-bit integer, rounded to the nearest of 2^bits steps. Its own
 *  conversion would truncate, or scale by a step less than full. */
static int to_integer(float sample, int bits)
{
  const double full = (double)(INT32_C(1) << (bits - 1));
  const double steps = fmin(fmax(rint((double)sample * full), -full), full - 1);
  return (int)steps * (INT32_C(1) << (32 - bits));
}

/** Interleaves `count` frames from `at` on into `block`, as floats or as integers. */
static void fill_block(const apf_audio *audio, int64_t at, int64_t count, int bits, void *block)
{
  float *floats = block;
  int *integers = block;
  for (int c = 0; c < audio->channels; c++) {
    const float *from = audio->samples + c * audio->frames + at;
    for (int64_t t = 0; t < count; t++) {
      const int64_t to = t * audio->channels + c;
      if (bits < 32)
        integers[to] = to_integer(from[t], bits);
      else
        floats[to] = from[t];
    }
  }
}

/** Writes all samples; false when libsndfile took fewer. */
static bool write_samples(SNDFILE *file, const apf_audio *audio, int bits, void *block)
{
  for (int64_t at = 0; at < audio->frames; at += BLOCK_FRAMES) {
    const int64_t left = audio->frames - at;
    const int64_t count = left < BLOCK_FRAMES ? left : BLOCK_FRAMES;
    fill_block(audio, at, count, bits, block);
    const int64_t written =
        bits < 32 ? sf_writef_int(file, block, count) : sf_writef_float(file, block, count);
    if (written != count) return false;
  }
  return true;
}

static apf_status write_wav(apf_context *ctx, apf_output *output, apf_audio_format format,
                            const apf_audio *audio)
{
  char why[256] = "the audio library wrote too little";
  stream to = {.descriptor = apf_output_descriptor(output)};
  SF_INFO info = {.channels = audio->channels,
                  .samplerate = audio->sample_rate,
                  .format = SF_FORMAT_WAV | formats[format].subtype};
  void *block = malloc(sizeof(int32_t) * BLOCK_FRAMES * (size_t)audio->channels);
  if (!block) return apf_fail(ctx, APF_ERR_MEMORY, "apf_audio_write", "cannot allocate a block");
  bool written = false;
  SNDFILE *file = open_stream(&to, SFM_WRITE, &info, why, sizeof why);
  if (file) {
    /* The peak chunk holds the time of day: without it the same samples give the same bytes. */
    sf_command(file, SFC_SET_ADD_PEAK_CHUNK, NULL, SF_FALSE);
    written = write_samples(file, audio, formats[format].bits, block);
    if (sf_close(file) != 0) written = false;
  }
  free(block);
  if (to.failed) return apf_output_fail(output, to.failed);
  return written ? APF_OK : apf_fail(ctx, APF_ERR_FILE, "apf_audio_write", "%s", why);
}

apf_status apf_audio_write(apf_context *ctx, const char *path, apf_audio_format format,
                           const apf_audio *audio)
{
  if (!ctx) return apf_fail(NULL, APF_ERR_ARGUMENT, __func__, "ctx is NULL");
  APF_TRY(check_audio(ctx, __func__, path, format, audio));
  apf_output *output = NULL;
  APF_TRY(apf_output_open(ctx, path, &output));
  apf_status status = write_wav(ctx, output, format, audio);
  if (status == APF_OK) return apf_output_commit(output);
  apf_output_discard(output);
  return status;
}
