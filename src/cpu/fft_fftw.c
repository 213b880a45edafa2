/** FFT engine: any library with FFTW's interface, float and double (FFTW itself is GPL). */
#include "cpu/fft_engine.h"

#include <fftw3.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

/* Planning shares tables between threads; executing does not. */
static pthread_mutex_t planner = PTHREAD_MUTEX_INITIALIZER;

int apf_fft_engine_likes(int64_t n)
{
  return n <= INT_MAX;
}

int apf_fft_engine_is_vectorised(void)
{
  return 1;
}

#define ENGINE(suffix, fftw, complex)                                                            \
  void *apf_fft_engine_open_##suffix(int64_t n, int threads)                                     \
  {                                                                                              \
    (void)threads;                                                                               \
    if (n > INT_MAX) return NULL;                                                                \
    fftw##_complex *x = fftw##_malloc((size_t)n * sizeof *x);                                    \
    fftw##_complex *y = fftw##_malloc((size_t)n * sizeof *y);                                    \
    void *plan = NULL;                                                                           \
    pthread_mutex_lock(&planner);                                                                \
    if (x && y) plan = fftw##_plan_dft_1d((int)n, x, y, FFTW_FORWARD, FFTW_ESTIMATE);            \
    pthread_mutex_unlock(&planner);                                                              \
    fftw##_free(x);                                                                              \
    fftw##_free(y);                                                                              \
    return plan;                                                                                 \
  }                                                                                              \
  void apf_fft_engine_run_##suffix(const void *engine, int thread, const complex *x, complex *y) \
  {                                                                                              \
    (void)thread;                                                                                \
    fftw##_execute_dft((fftw##_plan)(uintptr_t)engine, (fftw##_complex *)(uintptr_t)x,           \
                       (fftw##_complex *)y);                                                     \
  }                                                                                              \
  void apf_fft_engine_close_##suffix(void *engine)                                               \
  {                                                                                              \
    pthread_mutex_lock(&planner);                                                                \
    fftw##_destroy_plan(engine);                                                                 \
    pthread_mutex_unlock(&planner);                                                              \
  }

ENGINE(f32, fftwf, apf_c64)
ENGINE(f64, fftw, apf_c128)
