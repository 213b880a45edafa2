/** Mel filter banks; definitions in mel.h. */
#include "cpu/mel.h"

#include <math.h>
#include <string.h>

#include "cpu/scratch.h"

/* Slaney's scale: 3 mel per 200 Hz up to 1 kHz, then 27 steps to a factor of 6.4. */
static const double SLANEY_HZ = 200.0 / 3, SLANEY_CORNER = 1000;

static double slaney_step(void)
{
  return log(6.4) / 27;
}

static double to_mel(mel_kind kind, double hz)
{
  if (kind == MEL_HTK) return 2595 * log10(1 + hz / 700);
  if (hz < SLANEY_CORNER) return hz / SLANEY_HZ;
  return SLANEY_CORNER / SLANEY_HZ + log(hz / SLANEY_CORNER) / slaney_step();
}

static double to_hz(mel_kind kind, double mel)
{
  const double corner = SLANEY_CORNER / SLANEY_HZ;
  if (kind == MEL_HTK) return 700 * (pow(10, mel / 2595) - 1);
  if (mel < corner) return mel * SLANEY_HZ;
  return SLANEY_CORNER * exp(slaney_step() * (mel - corner));
}

int64_t APF_CPU(mel_room)(int64_t K)
{
  return 3 * scratch_room(K);
}

mel_bank APF_CPU(mel_fill)(mel_kind kind, int64_t K, int64_t bands, double rate, double low,
                           double high, real *room)
{
  mel_bank bank = {.K = K, .bands = bands};
  bank.band = (int32_t *)(void *)scratch_take(&room, K);
  bank.rise = scratch_take(&room, K);
  bank.fall = scratch_take(&room, K);

  const double mel_low = to_mel(kind, low);
  const double step = (to_mel(kind, high) - mel_low) / (double)(bands + 1);
  int64_t i = -1; /* corner i <= frequency < corner i + 1; band m rises from corner m */
  double left = 0, right = low, next = low;
  for (int64_t k = 0; k < K; k++) {
    const double hz = rate / 2 * (double)k / (double)(K - 1);
    while (i <= bands && hz >= right) {
      i++;
      left = right;
      right = to_hz(kind, mel_low + (double)(i + 1) * step);
      next = to_hz(kind, mel_low + (double)(i + 2) * step);
    }
    const int inside = i >= 0 && i <= bands;
    double rise = inside && i < bands ? (hz - left) / (right - left) : 0;
    double fall = inside && i > 0 ? (right - hz) / (right - left) : 0;
    if (kind == MEL_SLANEY) {
      const double before = to_hz(kind, mel_low + (double)(i - 1) * step);
      rise *= 2 / (next - left);
      fall *= 2 / (right - before);
    }
    bank.band[k] = (int32_t)(inside ? i : bands);
    bank.rise[k] = (real)rise;
    bank.fall[k] = (real)fall;
  }
  return bank;
}

void APF_CPU(mel_apply)(const mel_bank *bank, const real *s, real *out)
{
  memset(out, 0, (size_t)(bank->bands + 2) * sizeof(real));
  for (int64_t k = 0; k < bank->K; k++) {
    out[bank->band[k]] += bank->fall[k] * s[k];
    out[bank->band[k] + 1] += bank->rise[k] * s[k];
  }
}

void APF_CPU(mel_adjoint)(const mel_bank *bank, const real *d_out, real *ds)
{
  for (int64_t k = 0; k < bank->K; k++)
    ds[k] = bank->fall[k] * d_out[bank->band[k]] + bank->rise[k] * d_out[bank->band[k] + 1];
}
