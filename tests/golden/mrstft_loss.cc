/** Multi-resolution STFT loss: the mean of the spectral loss in three resolutions. */
#include "golden/golden.h"

namespace {

struct Resolution {
  int64_t n_fft, hop, window;
};
const Resolution kResolutions[] = {{1024, 120, 600}, {2048, 240, 1200}, {512, 50, 240}};

template <class T>
void mrstft_loss(golden::Case &c)
{
  const int64_t B = c.size("pred", 0), N = c.size("pred", 2);
  auto pred = c.input<T>("pred"), target = c.input<T>("target");
  auto loss = c.array<T>(1), parts = c.array<T>(3), up = c.array<T>(1), grad = c.array<T>(B * N);
  double total = 0;
  std::vector<double> total_grad(static_cast<size_t>(B * N));
  up.set({1.0 / 3});

  for (const Resolution &r : kResolutions) {
    c.call(op::stft_loss_forward<T>(c.ctx(), 1, B, N, 0, r.n_fft, r.window, r.hop, 0, 0,
                                    pred.data(), target.data(), loss.data(), parts.data()));
    c.call(op::stft_loss_backward<T>(c.ctx(), 1, B, N, 0, r.n_fft, r.window, r.hop, 0, 0, up.data(),
                                     pred.data(), target.data(), parts.data(), grad.data()));
    total += loss.values()[0] / 3;
    const std::vector<double> one = grad.values();
    for (size_t i = 0; i < one.size(); i++) total_grad[i] += one[i];
  }

  const bool quiet_bins = c.variant() == "tones"; /* which float cannot resolve */
  c.compare("loss", {total}, {1e-9, 2e-5});
  c.compare("grad_pred", total_grad, {1e-9, quiet_bins ? 0.5 : 1e-3});
}

const golden::Type registered("mrstft_loss", mrstft_loss<double>, mrstft_loss<float>);

}  // namespace
