/** Slow, plain transforms to compare with, in double: a sum per bin. */
#ifndef APF_TESTS_SPECTRAL_H
#define APF_TESTS_SPECTRAL_H

#include "support/support.h"

namespace spectral {

using Complex = std::complex<double>;
using Spectrum = std::vector<Complex>;

/** e^{-2 pi j i / n} */
inline Complex root(int64_t i, int64_t n)
{
  return std::polar(1.0, -2 * M_PI * static_cast<double>(i % n) / static_cast<double>(n));
}

/** Bins 0..n/2 of a real signal. */
inline Spectrum transform(const std::vector<double> &x)
{
  const int64_t n = x.size();
  Spectrum X(n / 2 + 1);
  for (int64_t k = 0; k <= n / 2; k++)
    for (int64_t i = 0; i < n; i++) X[k] += x[i] * root(i * k, n);
  return X;
}

/** The real signal of n samples whose bins 0..n/2 these are, normalised by 1/n. */
inline std::vector<double> inverse(const Spectrum &X, int64_t n)
{
  std::vector<double> x(n);
  for (int64_t i = 0; i < n; i++) {
    for (int64_t k = 0; k <= n / 2; k++) {
      const bool alone = k == 0 || 2 * k == n;
      const Complex bin = alone ? X[k].real() : X[k];
      x[i] += (alone ? 1 : 2) * (bin * std::conj(root(i * k, n))).real();
    }
    x[i] /= n;
  }
  return x;
}

inline std::vector<double> hann(int64_t window)
{
  std::vector<double> w(window);
  for (int64_t i = 0; i < window; i++) w[i] = std::pow(std::sin(M_PI * i / window), 2);
  return w;
}

/** Interleaved (re, im), as operators store spectra. */
template <class T>
std::vector<T> interleaved(const Spectrum &X)
{
  std::vector<T> out;
  for (Complex v : X) {
    out.push_back(static_cast<T>(v.real()));
    out.push_back(static_cast<T>(v.imag()));
  }
  return out;
}

template <class T>
std::vector<double> wide(const std::vector<T> &values)
{
  return std::vector<double>(values.begin(), values.end());
}

template <class T>
std::vector<T> narrow(const std::vector<double> &values)
{
  return std::vector<T>(values.begin(), values.end());
}

}  // namespace spectral

#endif
