/** Short-time Fourier transform and its inverse. */
#include "golden/golden.h"

namespace {

/** The file's spectra are [1, bins, frames, 2], the library's [B, frames, bins, 2]; `rows` and
 *  `columns` are those of `from`. */
std::vector<double> transposed(const std::vector<double> &from, int64_t rows, int64_t columns)
{
  std::vector<double> to(from.size());
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < columns; c++)
      for (int64_t part = 0; part < 2; part++)
        to[(c * rows + r) * 2 + part] = from[(r * columns + c) * 2 + part];
  return to;
}

template <class T>
void stft(golden::Case &c)
{
  const golden::Tolerance tolerance = {1e-12, 1e-5};
  const int64_t N = c.size("x", 1), bins = c.size("X", 1), frames = c.size("X", 2);
  const int64_t n_fft = static_cast<int64_t>(c.number("n_fft"));
  const int64_t window = static_cast<int64_t>(c.number("win_length"));
  const int64_t hop = static_cast<int64_t>(c.number("hop_length"));
  if (c.setting("pad_mode") != "constant") c.skip("padding " + c.setting("pad_mode"));
  const auto spectrum = [&](const char *name) {
    auto buffer = c.array<T>(2 * bins * frames);
    buffer.set(transposed(c.values(name), bins, frames));
    return buffer;
  };
  auto x = c.input<T>("x"), grad_y = c.input<T>("grad_y");
  auto Y = spectrum("Y"), grad_X = spectrum("grad_X");
  auto X = c.array<T>(Y.size()), grad_Y = c.array<T>(Y.size());
  auto y = c.array<T>(N), grad_x = c.array<T>(N);

  c.call(op::stft_forward<T>(c.ctx(), 1, N, n_fft, window, hop, 0, x.data(), X.data()));
  c.call(op::stft_backward<T>(c.ctx(), 1, N, n_fft, window, hop, 0, grad_X.data(), grad_x.data()));
  c.call(op::istft_forward<T>(c.ctx(), 1, N, n_fft, window, hop, Y.data(), y.data()));
  c.call(op::istft_backward<T>(c.ctx(), 1, N, n_fft, window, hop, grad_y.data(), grad_Y.data()));

  c.compare("X", transposed(X.values(), frames, bins), tolerance);
  c.compare("grad_x", grad_x, tolerance);
  c.compare("y", y, tolerance);
  c.compare("grad_Y", transposed(grad_Y.values(), frames, bins), tolerance);
}

const golden::Type registered("stft", stft<double>, stft<float>);

}  // namespace
