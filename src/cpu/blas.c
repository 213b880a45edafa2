#include "cpu/blas.h"

#ifdef APF_HAVE_OPENBLAS_THREADS
#include <cblas.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int users, threads_before;

void apf_blas_begin(void)
{
  pthread_mutex_lock(&lock);
  if (users++ == 0) {
    threads_before = openblas_get_num_threads();
    openblas_set_num_threads(1);
  }
  pthread_mutex_unlock(&lock);
}

void apf_blas_end(void)
{
  pthread_mutex_lock(&lock);
  if (--users == 0) openblas_set_num_threads(threads_before);
  pthread_mutex_unlock(&lock);
}

#else

void apf_blas_begin(void) {}

void apf_blas_end(void) {}

#endif
