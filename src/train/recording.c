#include "train/recording.h"

#include <allpole/audio.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/** Both must be of one make; the message says how they differ and what helps. */
static apf_status check_agreement(apf_context *ctx, const apf_train_config *config,
                                  const apf_audio *input, const apf_audio *target)
{
  if (input->sample_rate != target->sample_rate)
    return apf_fail(ctx, APF_ERR_MISMATCH, "apf_train",
                    "sample rates differ: %s has %d Hz, %s has %d Hz; resample one of them",
                    config->input, input->sample_rate, config->target, target->sample_rate);
  if (input->channels != target->channels)
    return apf_fail(ctx, APF_ERR_MISMATCH, "apf_train",
                    "channels differ: %s has %d, %s has %d; give both the same, for instance by "
                    "mixing the one with more to mono",
                    config->input, input->channels, config->target, target->channels);
  if (input->frames != target->frames)
    return apf_fail(ctx, APF_ERR_MISMATCH, "apf_train",
                    "lengths differ: %s has %" PRId64 " samples (%.3f s), %s has %" PRId64
                    " (%.3f s); cut both to the part in which they run together",
                    config->input, input->frames, (double)input->frames / input->sample_rate,
                    config->target, target->frames, (double)target->frames / target->sample_rate);
  return APF_OK;
}

/** Copies frames start..end of all channels. */
static float *cut(const apf_audio *audio, int64_t start, int64_t end)
{
  int64_t frames = end - start;
  float *out = malloc((size_t)(frames * audio->channels) * sizeof *out);
  for (int c = 0; out && c < audio->channels; c++)
    memcpy(out + c * frames, audio->samples + c * audio->frames + start,
           (size_t)frames * sizeof *out);
  return out;
}

static apf_status cut_pair(apf_context *ctx, const char *name, const double part[2],
                           const apf_audio *input, const apf_audio *target, apf_pair *out)
{
  double rate = input->sample_rate, length = (double)input->frames / rate;
  double end_s = isfinite(part[1]) ? part[1] : length;
  if (end_s > length + 0.5 / rate || part[0] >= length)
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_train",
                    "%s is %g to %g s, but the recordings are %.3f s long", name, part[0], end_s,
                    length);
  int64_t start = llround(part[0] * rate), end = llround(end_s * rate);
  if (end > input->frames) end = input->frames;
  if (end <= start)
    return apf_fail(ctx, APF_ERR_ARGUMENT, "apf_train",
                    "%s is %g to %g s, which holds no sample at %d Hz", name, part[0], end_s,
                    input->sample_rate);
  *out = (apf_pair){.sample_rate = input->sample_rate,
                    .channels = input->channels,
                    .frames = end - start,
                    .start = (double)start / rate,
                    .input = cut(input, start, end),
                    .target = cut(target, start, end)};
  if (out->input && out->target) return APF_OK;
  apf_pair_clear(out);
  return apf_fail(ctx, APF_ERR_MEMORY, "apf_train", "no memory for %s", name);
}

/** The configuration tells from then on which parts were taken. */
static void record_part(apf_train_config *config, const char *key, const double part[2],
                        const apf_audio *audio)
{
  double length = (double)audio->frames / audio->sample_rate;
  json_object_set_new(config->json, key,
                      json_pack("[f, f]", part[0], part[1] < length ? part[1] : length));
}

apf_status apf_pairs_read(apf_context *ctx, apf_train_config *config, apf_pair *train,
                          apf_pair *valid)
{
  enum { TRAIN_PARTS = 4, ALL_PARTS = 5 }; /* four fifths to train on */
  apf_audio input = {0}, target = {0};
  apf_status status = APF_OK;
  APF_TRY_GOTO(apf_audio_read(ctx, config->input, 0, -1, &input), done);
  APF_TRY_GOTO(apf_audio_read(ctx, config->target, 0, -1, &target), done);
  APF_TRY_GOTO(check_agreement(ctx, config, &input, &target), done);

  double length = (double)input.frames / input.sample_rate;
  double border = length * TRAIN_PARTS / ALL_PARTS;
  if (!isnan(config->valid[0])) border = config->valid[0] > 0 ? config->valid[0] : length;
  const double before[2] = {0, border}, after[2] = {border, INFINITY};
  const double rest[2] = {isfinite(config->segment[1]) ? config->segment[1] : 0, INFINITY};
  const double *train_part = isnan(config->segment[0]) ? before : config->segment;
  const double *valid_part = config->valid;
  if (isnan(config->valid[0])) valid_part = isnan(config->segment[0]) ? after : rest;
  if (valid_part == rest && rest[0] >= length) /* nothing is left: validate where it trains */
    valid_part = train_part;
  APF_TRY_GOTO(cut_pair(ctx, "segment", train_part, &input, &target, train), done);
  APF_TRY_GOTO(cut_pair(ctx, "valid", valid_part, &input, &target, valid), done);
  record_part(config, "segment", train_part, &input);
  record_part(config, "valid", valid_part, &input);
done:
  apf_audio_free(&input);
  apf_audio_free(&target);
  return status;
}

void apf_pair_clear(apf_pair *pair)
{
  free(pair->input);
  free(pair->target);
  *pair = (apf_pair){0};
}
