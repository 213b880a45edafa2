/**
 * FFT engine: KissFFT's header-only template, for float and double.
 *
 * Its radix-2 to radix-5 passes share nothing but the twiddles. Its generic pass writes to a buffer
 * inside the object, so a length with a larger factor gets one object per thread.
 */
#include "cpu/fft_engine.h"

#include <complex>
#include <cstdint>
#include <new>
#include <vector>

#include <kissfft/kissfft.hh>

namespace {

/* The generic pass costs O(p) per point: beyond 13 Bluestein's three transforms are cheaper. */
constexpr int64_t kLargestFactor = 13;
constexpr int64_t kLargestSharedFactor = 5;

/** What remains of n after dividing out every prime up to `largest`. */
int64_t rough_part(int64_t n, int64_t largest)
{
  for (int64_t p = 2; p <= largest; p++)
    while (n % p == 0) n /= p;
  return n;
}

template <class T>
class Engine {
 public:
  Engine(int64_t n, int threads)
  {
    const bool shared = rough_part(n, kLargestSharedFactor) == 1;
    plans_.assign(shared ? 1 : threads, kissfft<T>(static_cast<std::size_t>(n), false));
    /* The first run sizes the generic pass's buffer: later ones allocate nothing. */
    if (shared) return;
    std::vector<std::complex<T>> in(n), out(n);
    for (const kissfft<T> &plan : plans_) plan.transform(in.data(), out.data());
  }
  void run(int thread, const std::complex<T> *x, std::complex<T> *y) const
  {
    plans_[plans_.size() == 1 ? 0 : thread].transform(x, y);
  }

 private:
  std::vector<kissfft<T>> plans_;
};

template <class T>
void *open(int64_t n, int threads) noexcept
{
  try {
    return new Engine<T>(n, threads);
  } catch (...) {
    return nullptr;
  }
}

}  // namespace

int apf_fft_engine_likes(int64_t n)
{
  return rough_part(n, kLargestFactor) == 1;
}

int apf_fft_engine_is_vectorised(void)
{
  return 0;
}

void *apf_fft_engine_open_f32(int64_t n, int threads)
{
  return open<float>(n, threads);
}

void *apf_fft_engine_open_f64(int64_t n, int threads)
{
  return open<double>(n, threads);
}

/* apf_c64 is laid out as std::complex<float>. */
void apf_fft_engine_run_f32(const void *engine, int thread, const apf_c64 *x, apf_c64 *y)
{
  static_cast<const Engine<float> *>(engine)->run(thread,
                                                  reinterpret_cast<const std::complex<float> *>(x),
                                                  reinterpret_cast<std::complex<float> *>(y));
}

void apf_fft_engine_run_f64(const void *engine, int thread, const apf_c128 *x, apf_c128 *y)
{
  static_cast<const Engine<double> *>(engine)->run(
      thread, reinterpret_cast<const std::complex<double> *>(x),
      reinterpret_cast<std::complex<double> *>(y));
}

void apf_fft_engine_close_f32(void *engine)
{
  delete static_cast<Engine<float> *>(engine);
}

void apf_fft_engine_close_f64(void *engine)
{
  delete static_cast<Engine<double> *>(engine);
}
