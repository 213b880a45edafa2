/**
 * The complex transform below the real ones of fft.h: KissFFT or a library with FFTW's interface,
 * chosen when the library is configured (APF_FFT). Plain C on both sides; no C++ exception leaves.
 *
 *   y[k] = sum_i x[i] e^{-2 pi j i k / n},  not normalised, y and x apart and 64-byte aligned
 */
#ifndef APF_CPU_FFT_ENGINE_H
#define APF_CPU_FFT_ENGINE_H

#include <allpole/core.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Whether the engine is fast for this length; others go through Bluestein's algorithm. */
int apf_fft_engine_likes(int64_t n);

/** Whether the engine runs on vectors, so that fft_pow2.h has nothing to add. */
int apf_fft_engine_is_vectorised(void);

/** A transform that `threads` threads may run at once, numbered from 0; NULL: not enough memory. */
void *apf_fft_engine_open_f32(int64_t n, int threads);
void *apf_fft_engine_open_f64(int64_t n, int threads);

void apf_fft_engine_run_f32(const void *engine, int thread, const apf_c64 *x, apf_c64 *y);
void apf_fft_engine_run_f64(const void *engine, int thread, const apf_c128 *x, apf_c128 *y);

void apf_fft_engine_close_f32(void *engine);
void apf_fft_engine_close_f64(void *engine);

#ifdef __cplusplus
}
#endif
#endif
