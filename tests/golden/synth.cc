/** The synth: each variant is a stage of it. */
#include "golden/golden.h"

namespace {

template <class T>
void logmel(golden::Case &c)
{
  const int64_t B = c.size("audio", 0), N = c.size("audio", 2);
  auto audio = c.input<T>("audio"), log_mel = c.array<T>(c.elements("log_mel"));

  c.call(op::log_mel_forward<T>(
      c.ctx(), B, N, static_cast<int64_t>(c.number("n_fft")),
      static_cast<int64_t>(c.number("win_length")), static_cast<int64_t>(c.number("hop_length")),
      static_cast<int64_t>(c.number("n_mels")), c.number("sample_rate"), c.number("f_min"),
      c.number("f_max"), c.number("eps"), 0, audio.data(), log_mel.data()));

  c.compare("log_mel", log_mel, {1e-10, 2e-4});
}

template <class T>
void synth(golden::Case &c)
{
  if (c.variant() == "logmel") return logmel<T>(c);
  c.skip("not implemented");
}

const golden::Type registered("synth", synth<double>, synth<float>);

}  // namespace
