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

/** Bins of every frame of one row, frame by frame: what src/cpu/stft_frames.h defines. */
inline std::vector<Spectrum> frames(const std::vector<double> &x, int64_t n_fft, int64_t window,
                                    int64_t hop, bool reflect)
{
  const int64_t T = x.size();
  const auto w = hann(window);
  std::vector<Spectrum> out;
  for (int64_t f = 0; f < T / hop + 1; f++) {
    std::vector<double> frame(n_fft, 0.0);
    for (int64_t i = 0; i < window; i++) {
      const int64_t at = i + (n_fft - window) / 2;
      int64_t t = f * hop - n_fft / 2 + at;
      if (reflect && t < 0) t = -t;
      if (reflect && t >= T) t = 2 * (T - 1) - t;
      if (t >= 0 && t < T) frame[at] = w[i] * x[t];
    }
    out.push_back(transform(frame));
  }
  return out;
}

/** Weight of each bin in each band, by the textbook formula. */
inline std::vector<std::vector<double>> mel_weights(bool slaney, int64_t bands, int64_t n_fft,
                                                    double rate, double low, double high)
{
  const double corner = 15, step = std::log(6.4) / 27;
  const auto to_mel = [&](double hz) {
    if (!slaney) return 2595 * std::log10(1 + hz / 700);
    return hz < 1000 ? 3 * hz / 200 : corner + std::log(hz / 1000) / step;
  };
  const auto to_hz = [&](double mel) {
    if (!slaney) return 700 * (std::pow(10, mel / 2595) - 1);
    return mel < corner ? 200 * mel / 3 : 1000 * std::exp(step * (mel - corner));
  };
  std::vector<double> edge;
  for (int64_t i = 0; i < bands + 2; i++)
    edge.push_back(to_hz(to_mel(low) + (to_mel(high) - to_mel(low)) * i / (bands + 1)));
  std::vector<std::vector<double>> weight(bands, std::vector<double>(n_fft / 2 + 1));
  for (int64_t m = 0; m < bands; m++)
    for (int64_t k = 0; k <= n_fft / 2; k++) {
      const double hz = rate * k / n_fft;
      const double up = (hz - edge[m]) / (edge[m + 1] - edge[m]);
      const double down = (edge[m + 2] - hz) / (edge[m + 2] - edge[m + 1]);
      weight[m][k] = std::max(0.0, std::min(up, down)) * (slaney ? 2 / (edge[m + 2] - edge[m]) : 1);
    }
  return weight;
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
