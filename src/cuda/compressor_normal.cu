/**
 * Normal equations of a compressor against a target, in one pass, for a batch of parameter sets.
 *
 *   r = pre(y - target),  J = dr/d(threshold, ratio, attack, release, average, make_up)
 *   cost = r'r, gradient = J'r, hessian = J'J;  pre: v[t] = u[t] - u[t-1] + 0.995 v[t-1]
 *
 * Forward mode: every set carries the tangents of its average and of its gain along, so the
 * Jacobian needs no further logarithms and never touches memory.
 *
 *   p' = (1-c) p' + (level - p)                      of the average's coefficient
 *   s' = (1-c) s' + c f' + (f - s) if c is the one   of the ballistics, with the branch held
 *
 * A warp per set and excerpt, 32 samples at a time, one a lane. What is linear is scanned across
 * the lanes: the average and its tangent, the ballistics' five tangents once the branches are known
 * (their coefficients are those of the branches), and the emphasis of the residual and of the six
 * columns. Only the ballistics themselves go from sample to sample: two dependent operations each.
 * Few sets therefore leave most of the device idle, and the time is that of T steps of one warp.
 * All in double, for both types.
 */
#include "cuda/compressor.h"
#include "cuda/reduce.h"

namespace apf_cuda {

enum {
  PARAMETERS = 6, /* of a set, in this order */
  THRESHOLD = 0,
  RATIO = 1,
  ATTACK = 2,
  RELEASE = 3,
  AVERAGE = 4,
  MAKE_UP = 5,
  TANGENTS = 5,                           /* of the gain: all parameters but the last */
  COLUMNS = 7,                            /* the residual, then the Jacobian's columns */
  PRODUCTS = COLUMNS * (COLUMNS + 1) / 2, /* of columns, upper triangle by rows */
  DOUBLINGS = 5                           /* of a distance, from one lane to the whole warp */
};

static constexpr double POLE = 0.995;

/** Excerpts x, target (B, C, T); `ahead` is the look-ahead, T at most. */
template <class real>
struct Recordings {
  int64_t B, C, T, ahead;
  const real *x, *target;
};

/** A parameter set, thresholds in nepers. */
struct CompressorSet {
  CurveLine<double> down, low;
  double ratio_rate; /* d slope / d ratio */
  double attack, release, average, make_up;
};

template <class real>
__device__ inline CompressorSet new_set(const real *set, CurveLine<double> low)
{
  CompressorSet s;
  const double ratio = load(set + RATIO);
  s.down = curve_line<double>(load(set + THRESHOLD), ratio);
  s.low = low;
  s.ratio_rate = 1 / (ratio * ratio);
  s.attack = load(set + ATTACK);
  s.release = load(set + RELEASE);
  s.average = load(set + AVERAGE);
  s.make_up = exp(NEPER_PER_DB * load(set + MAKE_UP));
  return s;
}

/* --- scans across the lanes ---------------------------------------------------------------------
 */

__device__ inline double lane_before(double v, double first)
{
  const double earlier = __shfl_up_sync(ALL_LANES, v, 1);
  return threadIdx.x ? earlier : first;
}

__device__ inline double last_lane(double v)
{
  return __shfl_sync(ALL_LANES, v, WARP - 1);
}

/** A constant decay over 1, 2, 4, 8, 16 samples. */
struct DecayPowers {
  double of[DOUBLINGS];
};

__device__ inline DecayPowers powers_of(double decay)
{
  DecayPowers powers;
  for (double &power : powers.of) {
    power = decay;
    decay *= decay;
  }
  return powers;
}

/** s[t] = decay s[t-1] + x[t], `before` being the s before lane 0. */
__device__ inline double scan_decay(const DecayPowers &powers, double before, double x)
{
  const int lane = threadIdx.x;
  if (lane == 0) x = fma(powers.of[0], before, x);
  for (int k = 0; k < DOUBLINGS; k++) {
    const double earlier = __shfl_up_sync(ALL_LANES, x, 1 << k);
    if (lane >= 1 << k) x = fma(powers.of[k], earlier, x);
  }
  return x;
}

/** The same for all tangents x at once, with a decay of every sample's own. */
__device__ inline void scan_tangents(double decay, const double (&before)[TANGENTS],
                                     double (&x)[TANGENTS])
{
  const int lane = threadIdx.x;
  if (lane == 0)
    for (int i = 0; i < TANGENTS; i++) x[i] = fma(decay, before[i], x[i]);
  for (int k = 0; k < DOUBLINGS; k++) {
    const bool reaches = lane >= 1 << k;
    for (double &tangent : x) {
      const double earlier = __shfl_up_sync(ALL_LANES, tangent, 1 << k);
      if (reaches) tangent = fma(decay, earlier, tangent);
    }
    const double earlier = __shfl_up_sync(ALL_LANES, decay, 1 << k);
    if (reaches) decay *= earlier;
  }
}

/* --- the gain and its tangents ------------------------------------------------------------------
 */

/** A gain, and its derivatives by the parameters. */
struct Gain {
  double value, tangent[TANGENTS];
};

/** What a set carries from one 32 samples to the next, in every lane. */
struct GainState {
  double power, power_dot;
  Gain gain;
};

template <class real>
__device__ inline double level_at(const Recordings<real> &in, const real *x, int64_t t)
{
  double level = 0;
  for (int64_t c = 0; c < in.C && t < in.T; c++) {
    const double v = load(x + c * in.T + t), square = v * v;
    level += (square > 1e-8 ? square : 1e-8) / static_cast<double>(in.C);
  }
  return level;
}

/** The static curve at an averaged power, and its tangents by threshold, ratio and average. */
__device__ inline Gain bend(const CompressorSet &s, double power, double power_dot)
{
  const double level = curve_level(power), distance = s.down.threshold - level;
  const double a = s.down.at(level), e = s.low.at(level), lower = a < e ? a : e;
  const double gain = exp(lower < 0 ? lower : 0.0);
  const double bent = lower < 0 ? gain : 0.0, down = a < e ? bent : 0.0;
  const double slope = down * s.down.slope + (bent - down) * s.low.slope;
  const double floored = power > least_power<double>() ? power : least_power<double>();
  Gain f = {gain, {}};
  f.tangent[THRESHOLD] = down * s.down.slope;
  f.tangent[RATIO] = down * distance * s.ratio_rate;
  f.tangent[AVERAGE] = -0.5 * slope * power_dot / floored;
  return f;
}

/** One sample of the ballistics. */
struct BallisticsStep {
  double coefficient, distance, gain; /* distance: f - the gain before */
  bool falling;
};

/** The only recursion that is not linear: every lane runs it over all of them, and keeps its own.
 */
__device__ inline BallisticsStep follow(const CompressorSet &s, double gain, double f)
{
  const int lane = threadIdx.x;
  BallisticsStep mine = {};
  for (int i = 0; i < WARP; i++) {
    const double aim = __shfl_sync(ALL_LANES, f, i);
    const bool falling = aim < gain;
    const double c = falling ? s.attack : s.release, distance = aim - gain;
    gain = fma(c, distance, gain);
    if (lane == i) mine = {c, distance, gain, falling};
  }
  return mine;
}

/** The gain at every lane's sample, from its level. */
__device__ inline Gain run_gain(const CompressorSet &s, const DecayPowers &average, double level,
                                GainState *state)
{
  const double power = scan_decay(average, state->power, s.average * level);
  const double distance = level - lane_before(power, state->power);
  const double power_dot = scan_decay(average, state->power_dot, distance);
  Gain g = bend(s, power, power_dot);
  const BallisticsStep step = follow(s, state->gain.value, g.value);
  for (double &tangent : g.tangent) tangent *= step.coefficient;
  g.tangent[ATTACK] = step.falling ? step.distance : 0.0;
  g.tangent[RELEASE] = step.falling ? 0.0 : step.distance;
  scan_tangents(1 - step.coefficient, state->gain.tangent, g.tangent);
  g.value = step.gain;
  state->power = last_lane(power);
  state->power_dot = last_lane(power_dot);
  state->gain.value = last_lane(g.value);
  for (int i = 0; i < TANGENTS; i++) state->gain.tangent[i] = last_lane(g.tangent[i]);
  return g;
}

/* --- columns and their products -----------------------------------------------------------------
 */

/** Columns of one sample before emphasis: the residual, then those of J. */
__device__ inline void new_columns(const CompressorSet &s, const Gain &g, double x, double target,
                                   double (&column)[COLUMNS])
{
  const double loud = s.make_up * x;
  column[0] = loud * g.value - target;
  for (int i = 0; i < TANGENTS; i++) column[1 + i] = loud * g.tangent[i];
  column[1 + THRESHOLD] *= NEPER_PER_DB;
  column[1 + MAKE_UP] = NEPER_PER_DB * loud * g.value;
}

/** Replaces columns by emphasised ones; `decayed` (COLUMNS) is the channel's state in memory: with
 *  f[t] = u[t] + d f[t-1], v[t] = u[t] - (1-d) f[t-1]. */
__device__ inline void emphasize(const DecayPowers &pole, double *decayed,
                                 double (&column)[COLUMNS])
{
  for (int j = 0; j < COLUMNS; j++) {
    const double before = load(decayed + j), sum = scan_decay(pole, before, column[j]);
    column[j] -= (1 - POLE) * lane_before(sum, before);
    __syncwarp(); /* every lane has read the state */
    if (threadIdx.x == WARP - 1) store(decayed + j, sum);
  }
  __syncwarp(); /* the state is there for the next samples */
}

__device__ inline void add_products(const double (&column)[COLUMNS], double (&sums)[PRODUCTS])
{
  int at = 0;
#pragma unroll
  for (int j = 0; j < COLUMNS; j++)
#pragma unroll
    for (int k = j; k < COLUMNS; k++, at++) sums[at] = fma(column[j], column[k], sums[at]);
}

/** Runs one excerpt; `channels` (C, COLUMNS) zeros. Gains are made `ahead` samples before they are
 *  used; where nothing is left to look ahead at, the gain is 1. */
template <class real>
__device__ inline void run_excerpt(const CompressorSet &s, const Recordings<real> &in,
                                   const real *x, const real *target, double *channels,
                                   double (&sums)[PRODUCTS])
{
  const DecayPowers average = powers_of(1 - s.average), pole = powers_of(POLE);
  const Gain open = {1, {}};
  GainState state = {0, 0, open};
  for (int64_t start = 0; start < in.T + in.ahead; start += WARP) {
    const int64_t t = start + threadIdx.x, at = t - in.ahead;
    Gain g = open;
    if (start < in.T) g = run_gain(s, average, level_at(in, x, t), &state);
    if (t >= in.T) g = open;
    if (start + WARP <= in.ahead) continue;
    const bool inside = at >= 0 && at < in.T;
    for (int64_t c = 0; c < in.C; c++) {
      double column[COLUMNS] = {};
      if (inside) new_columns(s, g, load(x + c * in.T + at), load(target + c * in.T + at), column);
      emphasize(pole, channels + c * COLUMNS, column);
      if (inside) add_products(column, sums); /* behind the end columns go on decaying */
    }
  }
}

/** sums (P, B, PRODUCTS), channels (P, B, C, COLUMNS). */
template <class real>
__global__ void compressor_normal_kernel(int64_t P, Recordings<real> in, const real *sets,
                                         CurveLine<double> low, double *all_sums,
                                         double *all_channels)
{
  for (int64_t task = blockIdx.x; task < P * in.B; task += gridDim.x) {
    const int64_t b = task % in.B, excerpt = b * in.C * in.T;
    double *channels = all_channels + task * in.C * COLUMNS;
    double sums[PRODUCTS] = {};
    for (int64_t i = threadIdx.x; i < in.C * COLUMNS; i += WARP) store(channels + i, 0.0);
    __syncwarp();
    run_excerpt(new_set(sets + task / in.B * PARAMETERS, low), in, in.x + excerpt,
                in.target + excerpt, channels, sums);
#pragma unroll
    for (int i = 0; i < PRODUCTS; i++) {
      const double sum = warp_sum(sums[i]);
      if (threadIdx.x == 0) store(all_sums + task * PRODUCTS + i, sum);
    }
  }
}

/* --- handing out --------------------------------------------------------------------------------
 */

/** Where product number `at` of the upper triangle stands. */
__device__ inline void place_of_product(int at, int *j, int *k)
{
  *j = 0;
  while (at >= COLUMNS - *j) at -= COLUMNS - (*j)++;
  *k = *j + at;
}

/** A thread per set and product: adds the excerpts in order. */
__global__ void hand_out_kernel(int64_t P, int64_t B, const double *sums, double *cost,
                                double *gradient, double *hessian)
{
  APF_GRID_LOOP(i, P * PRODUCTS)
  {
    const int64_t p = i / PRODUCTS;
    const int product = static_cast<int>(i % PRODUCTS);
    double sum = 0;
    for (int64_t b = 0; b < B; b++) sum += load(sums + (p * B + b) * PRODUCTS + product);
    int j, k;
    place_of_product(product, &j, &k);
    double *matrix = hessian + p * PARAMETERS * PARAMETERS;
    if (k == 0) store(cost + p, sum);
    if (j == 0 && k > 0) store(gradient + p * PARAMETERS + k - 1, sum);
    if (j == 0) continue;
    store(matrix + (j - 1) * PARAMETERS + k - 1, sum);
    if (j != k) store(matrix + (k - 1) * PARAMETERS + j - 1, sum);
  }
}

template <class real>
apf_status compressor_normal(apf_context *ctx, int64_t P, int64_t B, int64_t C, int64_t T,
                             int64_t delay, const real *x, const real *target, const real *sets,
                             double exp_threshold, double exp_ratio, double *cost, double *gradient,
                             double *hessian)
{
  enum { THREADS = 256 };
  const int64_t tasks = P * B, most = INT64_C(1) << 30;
  const Recordings<real> in = {B, C, T, delay < T ? delay : T, x, target};
  void *scratch = nullptr;
  APF_TRY(apf_workspace(ctx, static_cast<size_t>(tasks * (PRODUCTS + C * COLUMNS)) * sizeof(double),
                        &scratch));
  double *const sums = static_cast<double *>(scratch);
  APF_TRY(APF_LAUNCH(ctx, compressor_normal_kernel<real>,
                     static_cast<unsigned>(tasks < most ? tasks : most), WARP, 0, P, in, sets,
                     curve_line<double>(exp_threshold, exp_ratio), sums, sums + tasks * PRODUCTS));
  return APF_LAUNCH(ctx, hand_out_kernel, grid_for(ctx, P * PRODUCTS, THREADS), THREADS, 0, P, B,
                    sums, cost, gradient, hessian);
}
APF_INSTANTIATE_REAL(compressor_normal);

}  // namespace apf_cuda
