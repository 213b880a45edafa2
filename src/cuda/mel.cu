/** Mel filter banks, computed on the host and copied once; definitions in mel.h. */
#include "cuda/mel.h"

#include "cuda/cache.h"

#include <cinttypes>
#include <cmath>
#include <vector>

namespace apf_cuda {

/* Slaney's scale: 3 mel per 200 Hz up to 1 kHz, then 27 steps to a factor of 6.4. */
static const double SLANEY_HZ = 200.0 / 3, SLANEY_CORNER = 1000;

static double slaney_step()
{
  return std::log(6.4) / 27;
}

static double to_mel(MelKind kind, double hz)
{
  if (kind == MEL_HTK) return 2595 * std::log10(1 + hz / 700);
  if (hz < SLANEY_CORNER) return hz / SLANEY_HZ;
  return SLANEY_CORNER / SLANEY_HZ + std::log(hz / SLANEY_CORNER) / slaney_step();
}

static double to_hz(MelKind kind, double mel)
{
  const double corner = SLANEY_CORNER / SLANEY_HZ;
  if (kind == MEL_HTK) return 700 * (std::pow(10, mel / 2595) - 1);
  if (mel < corner) return mel * SLANEY_HZ;
  return SLANEY_CORNER * std::exp(slaney_step() * (mel - corner));
}

/** Corners 0..bands+1 in Hz. */
static std::vector<double> corners_of(MelKind kind, int64_t bands, double low, double high)
{
  const double mel_low = to_mel(kind, low);
  const double step = (to_mel(kind, high) - mel_low) / static_cast<double>(bands + 1);
  std::vector<double> corners(bands + 2);
  for (int64_t i = 0; i < bands + 2; i++)
    corners[i] = to_hz(kind, mel_low + static_cast<double>(i) * step);
  corners[0] = low;
  return corners;
}

template <class real>
struct HostBank {
  std::vector<int32_t> begin, segment;
  std::vector<real> rise, fall;
};

/** Weights of bin k at `hz` in segment i, 0 <= i <= bands. */
template <class real>
static void weigh(MelKind kind, const std::vector<double> &corners, int64_t i, double hz,
                  real *rise_out, real *fall_out)
{
  const int64_t bands = static_cast<int64_t>(corners.size()) - 2;
  const double left = corners[i], right = corners[i + 1];
  double rise = i < bands ? (hz - left) / (right - left) : 0;
  double fall = i > 0 ? (right - hz) / (right - left) : 0;
  if (kind == MEL_SLANEY) {
    if (i < bands) rise *= 2 / (corners[i + 2] - left);
    if (i > 0) fall *= 2 / (right - corners[i - 1]);
  }
  *rise_out = static_cast<real>(rise);
  *fall_out = static_cast<real>(fall);
}

template <class real>
static HostBank<real> host_bank(MelKind kind, int64_t K, int64_t bands, double rate, double low,
                                double high)
{
  const std::vector<double> corners = corners_of(kind, bands, low, high);
  const int32_t outside = static_cast<int32_t>(bands + 1);
  HostBank<real> bank = {std::vector<int32_t>(bands + 2, static_cast<int32_t>(K)),
                         std::vector<int32_t>(K, outside), std::vector<real>(K),
                         std::vector<real>(K)};
  int64_t i = -1; /* corner i <= frequency < corner i + 1 */
  for (int64_t k = 0; k < K; k++) {
    const double hz = rate / 2 * static_cast<double>(k) / static_cast<double>(K - 1);
    while (i <= bands && hz >= corners[i + 1]) bank.begin[++i] = static_cast<int32_t>(k);
    if (i < 0 || i > bands) continue;
    bank.segment[k] = static_cast<int32_t>(i);
    weigh(kind, corners, i, hz, &bank.rise[k], &bank.fall[k]);
  }
  return bank;
}

template <class T>
static apf_status upload(apf_context *ctx, const std::vector<T> &from, unsigned char **cursor)
{
  const size_t bytes = from.size() * sizeof(T);
  APF_TRY(ctx->table->upload(ctx, *cursor, from.data(), bytes));
  *cursor += bytes;
  return APF_OK;
}

/** In the order of mel_bank's pointers. */
template <class real>
static apf_status make_bank(apf_context *ctx, const HostBank<real> &bank, CachedMemory *made)
{
  const size_t K = bank.segment.size(), bands = bank.begin.size() - 2;
  const size_t bytes = 2 * K * sizeof(real) + (K + bands + 2) * sizeof(int32_t);
  APF_TRY(ctx->table->allocate(ctx, bytes, &made->memory));
  unsigned char *cursor = static_cast<unsigned char *>(made->memory);
  APF_TRY(upload(ctx, bank.rise, &cursor));
  APF_TRY(upload(ctx, bank.fall, &cursor));
  APF_TRY(upload(ctx, bank.segment, &cursor));
  return upload(ctx, bank.begin, &cursor);
}

template <class real>
apf_status mel_bank(apf_context *ctx, MelKind kind, int64_t K, int64_t bands, double rate,
                    double low, double high, MelBank<real> *bank)
{
  const CacheKey key = {CACHE_MEL,     sizeof(real), double(kind), double(K),
                        double(bands), rate,         low,          high};
  const auto make = [&](CachedMemory *made) {
    try {
      return make_bank(ctx, host_bank<real>(kind, K, bands, rate, low, high), made);
    } catch (const std::bad_alloc &) {
      return apf_fail(ctx, APF_ERR_MEMORY, "mel_bank", "no memory for a bank of %" PRId64 " bins",
                      K);
    }
  };
  const CachedMemory *found = nullptr;
  APF_TRY(cached(ctx, key, make, &found));
  const real *rise = static_cast<const real *>(found->memory);
  const int32_t *segment = reinterpret_cast<const int32_t *>(rise + 2 * K);
  *bank = {bands, segment + K, segment, rise, rise + K};
  return APF_OK;
}
APF_INSTANTIATE_REAL(mel_bank);

}  // namespace apf_cuda
