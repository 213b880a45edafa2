/**
 * Audio files through libsndfile: WAV, FLAC, AIFF, OGG and whatever else it reads; WAV is written.
 * In a build without libsndfile reading and writing return APF_ERR_NOT_COMPILED.
 */
#ifndef ALLPOLE_AUDIO_H
#define ALLPOLE_AUDIO_H

#include <allpole/core.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Samples of all channels. Full scale is -1 to 1; values beyond are kept where the file has them.
 */
typedef struct apf_audio {
  int channels;
  int sample_rate; /**< Hz */
  int64_t frames;  /**< samples per channel */
  float *samples;  /**< (channels, frames), host memory: channel c begins at samples + c frames */
} apf_audio;

/** How samples are stored in a WAV file. The integer formats clip at full scale. */
typedef enum apf_audio_format {
  APF_AUDIO_FLOAT32 = 0,
  APF_AUDIO_PCM16 = 1,
  APF_AUDIO_PCM24 = 2
} apf_audio_format;

/**
 * Reads a part of an audio file, or all of it.
 *
 * @param start_s where the part begins, in seconds, rounded to the nearest sample.
 * @param end_s   where it ends (that sample is not part of it); negative: the end of the file.
 * @param out     is overwritten; free it with apf_audio_free(). Empty after a failure.
 * @return APF_ERR_FILE (missing, unreadable); APF_ERR_FORMAT (not audio, no samples, truncated);
 *         APF_ERR_ARGUMENT (NULL, a part that is empty or reaches beyond the file; the message has
 *         the file's length); APF_ERR_NOT_FINITE (NaN or infinity; the message has channel and time
 *         of the first); APF_ERR_MEMORY; APF_ERR_NOT_COMPILED.
 */
APF_API APF_MUST_CHECK apf_status apf_audio_read(apf_context *ctx, const char *path, double start_s,
                                                 double end_s, apf_audio *out);

/**
 * Writes a WAV file. It appears under its name only when it is complete; on failure what was there
 * stays. The same samples give the same bytes.
 * @return APF_ERR_FILE (folder missing, disk full, ...); APF_ERR_ARGUMENT (NULL, no channels, no
 *         frames, a rate below 1, an unknown format, more than a WAV file holds, 4 GiB);
 *         APF_ERR_NOT_FINITE, as above; APF_ERR_MEMORY; APF_ERR_NOT_COMPILED.
 */
APF_API APF_MUST_CHECK apf_status apf_audio_write(apf_context *ctx, const char *path,
                                                  apf_audio_format format, const apf_audio *audio);

/** Frees the samples and empties the struct. NULL and an empty struct are allowed. */
APF_API void apf_audio_free(apf_audio *audio);

/**
 * Understands "START:END" in seconds, as apf_audio_read() takes it: "2.5:10", ":10" (from the
 * beginning), "5:" (to the end, *end_s = -1), ":" (everything).
 * @param ctx holds the message; NULL is allowed here.
 * @return APF_ERR_ARGUMENT if `text` is something else, or END is not after START.
 */
APF_API APF_MUST_CHECK apf_status apf_audio_parse_segment(apf_context *ctx, const char *text,
                                                          double *start_s, double *end_s);

#ifdef __cplusplus
}
#endif
#endif
