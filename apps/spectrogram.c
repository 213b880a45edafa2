#include "spectrogram.h"

#include <math.h>
#include <stdlib.h>

enum { COLUMNS = 200, ROWS = 96 };
static const double lowest = SPECTROGRAM_LOWEST, highest = SPECTROGRAM_HIGHEST;
static const double floor_db = -70; /* under the loudest */

/** Mean level in dB of a frame's bins between two frequencies; one bin where none lies between. */
static double band_level(const float *frame, int64_t bins, double hertz_per_bin, double low,
                         double high)
{
  const int64_t end = (int64_t)(high / hertz_per_bin);
  int64_t k = (int64_t)(low / hertz_per_bin), count = 0;
  double power = 1e-12;
  for (; k < bins && (k <= end || count == 0); k++, count++)
    power += (double)(frame[2 * k] * frame[2 * k] + frame[2 * k + 1] * frame[2 * k + 1]);
  return 10 * log10(power / (double)(count ? count : 1));
}

/** COLUMNS over time by ROWS over the logarithm of frequency. */
static bool measure(const apf_audio *audio, int64_t n_fft, double *level)
{
  apf_context *ctx = NULL;
  const int64_t hop = audio->frames / (COLUMNS - 1) + 1, frames = audio->frames / hop + 1;
  const int64_t bins = n_fft / 2 + 1;
  float *X = malloc((size_t)(frames * bins * 2) * sizeof *X);
  bool good = X && apf_context_create(NULL, &ctx) == APF_OK &&
              apf_stft_forward_f32(ctx, 1, audio->frames, n_fft, n_fft, hop, 0, audio->samples,
                                   X) == APF_OK;
  for (int64_t c = 0; good && c < COLUMNS; c++)
    for (int r = 0; r < ROWS; r++) {
      const double low = lowest * pow(highest / lowest, (double)r / ROWS);
      const double high = low * pow(highest / lowest, 1.0 / ROWS);
      const float *frame = X + (c < frames ? c : frames - 1) * bins * 2;
      level[c * ROWS + r] =
          band_level(frame, bins, (double)audio->sample_rate / (double)n_fft, low, high);
    }
  apf_context_destroy(ctx);
  free(X);
  return good;
}

bool spectrogram_write(const char *path, const char *title, const apf_audio *audio, int64_t n_fft,
                       int count, const plot_line *lines)
{
  static double level[COLUMNS * ROWS];
  if (!measure(audio, n_fft, level)) return false;
  double loudest = -INFINITY;
  for (int i = 0; i < COLUMNS * ROWS; i++) loudest = fmax(loudest, level[i]);
  for (int i = 0; i < COLUMNS * ROWS; i++) level[i] = fmax(level[i], loudest + floor_db);
  const plot_image image = {COLUMNS, ROWS, level, loudest + floor_db, loudest};
  const plot_figure figure = {.title = title,
                              .x_label = "seconds of the validation part",
                              .y_label = "Hz",
                              .log_y = true,
                              .x_max = (double)audio->frames / audio->sample_rate,
                              .y_min = log10(lowest),
                              .y_max = log10(highest),
                              .image = &image};
  return plot_write(path, &figure, count, lines);
}
