/** Spectrograms as SVG, with curves over them. */
#ifndef ALLPOLE_SPECTROGRAM_H
#define ALLPOLE_SPECTROGRAM_H

#include <allpole/allpole.h>

#include "plot.h"

/* What is shown, in Hz. */
#define SPECTROGRAM_LOWEST  50.0
#define SPECTROGRAM_HIGHEST 16000.0

/**
 * The first channel over a logarithmic axis of frequency. @param n_fft samples of its windows.
 * @param lines in seconds and Hz. @return false where the file cannot be written.
 */
bool spectrogram_write(const char *path, const char *title, const apf_audio *audio, int64_t n_fft,
                       int count, const plot_line *lines);

#endif
