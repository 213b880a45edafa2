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
 * A block per set and excerpt, 32 samples at a time, one a lane. What is linear is scanned across
 * the lanes: the average and its tangent, the ballistics' five tangents once the branches are known
 * (their coefficients are those of the branches), and the emphasis of the residual and of the six
 * columns. Only the ballistics themselves go from sample to sample, by two dependent operations.
 *
 * The block is an assembly line: each warp does one kind of work, and hands 32 samples on to the
 * next at every step, so that the time of a step is that of the slowest warp and not of all. Few
 * sets still leave most of the device idle: the time is that of T steps of one block. All in
 * double, for both types.
 */
#include "cuda/blocks.h"
#include "cuda/compressor.h"
#include "cuda/lanes.h"
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
  TANGENTS = 5,                          /* of the gain: all parameters but the last */
  COLUMNS = 7,                           /* the residual, then the Jacobian's columns */
  PRODUCTS = COLUMNS * (COLUMNS + 1) / 2 /* of columns, upper triangle by rows */
};

/* The assembly line: warps 0, 1, ... do these; the last kind is shared by several, by channels. */
enum { LISTENING, AVERAGING, BENDING, FOLLOWING, SMOOTHING, EMPHASIS, STAGES, CHANNEL_WARPS = 2 };
enum { THREADS = (EMPHASIS + CHANNEL_WARPS) * WARP };

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

/* --- scans across the lanes ------------------------------------------------------------------- */

__device__ inline Decay<double> powers_of(double decay)
{
  Decay<double> powers;
  for (double &power : powers.over) {
    power = decay;
    decay *= decay;
  }
  return powers;
}

__device__ inline double scan_one(const Decay<double> &decay, double before, double x)
{
  const double first[1] = {before};
  double sum[1] = {x};
  scan_decay(decay, first, sum);
  return sum[0];
}

/** s[t] = decay s[t-1] + x[t] for all tangents x at once, with a decay of every sample's own;
 *  `before` is the s before lane 0. */
__device__ inline void scan_tangents(double decay, const double (&before)[TANGENTS],
                                     double (&x)[TANGENTS])
{
  const int lane = lane_of_thread();
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

/* --- the gain and its tangents ---------------------------------------------------------------- */

/** A gain, and its derivatives by the parameters. */
struct Gain {
  double value, tangent[TANGENTS];
};

/** What one sample is on the line; each stage adds its part. */
struct Sample {
  double level;            /* of LISTENING */
  double power, power_dot; /* of AVERAGING */
  Gain gain;               /* the curve's, of BENDING; then the ballistics' */
  double coefficient;      /* of the branch that FOLLOWING took */
};

/** What the warps carry from 32 samples to the next, each its own, in every lane. */
struct LineState {
  double power, power_dot, gain, tangent[TANGENTS];
};

/** The power of all channels at one time, 0 behind the end. */
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

__device__ inline void average(const CompressorSet &s, const Decay<double> &decay, LineState *state,
                               Sample *sample)
{
  sample->power = scan_one(decay, state->power, s.average * sample->level);
  const double distance = sample->level - lane_before(sample->power, state->power);
  sample->power_dot = scan_one(decay, state->power_dot, distance);
  state->power = last_lane(sample->power);
  state->power_dot = last_lane(sample->power_dot);
}

/** The static curve at the averaged power, and its tangents by threshold, ratio and average. */
__device__ inline void bend(const CompressorSet &s, Sample *sample)
{
  const double level = curve_level(sample->power), distance = s.down.threshold - level;
  const double a = s.down.at(level), e = s.low.at(level), lower = a < e ? a : e;
  const double gain = exp(lower < 0 ? lower : 0.0);
  const double bent = lower < 0 ? gain : 0.0, down = a < e ? bent : 0.0;
  const double slope = down * s.down.slope + (bent - down) * s.low.slope;
  const double least = least_power<double>();
  const double power = sample->power > least ? sample->power : least;
  Gain *f = &sample->gain;
  f->value = gain;
  f->tangent[THRESHOLD] = down * s.down.slope;
  f->tangent[RATIO] = down * distance * s.ratio_rate;
  f->tangent[AVERAGE] = -0.5 * slope * sample->power_dot / power;
}

/** The only recursion that is not linear: every lane runs it over all of them, and keeps its own.
 *  Both branches are worked out while it is found which one holds. */
__device__ inline void follow(const CompressorSet &s, LineState *state, Sample *sample)
{
  const int lane = lane_of_thread();
  const double f = sample->gain.value, attacked = s.attack * f, released = s.release * f;
  double gain = state->gain, before = 0, mine = 0;
  for (int i = 0; i < WARP; i++) {
    const double aim = __shfl_sync(ALL_LANES, f, i);
    const double down = fma(1 - s.attack, gain, __shfl_sync(ALL_LANES, attacked, i));
    const double up = fma(1 - s.release, gain, __shfl_sync(ALL_LANES, released, i));
    if (lane == i) before = gain;
    gain = aim < gain ? down : up;
    if (lane == i) mine = gain;
  }
  const bool falling = f < before;
  sample->coefficient = falling ? s.attack : s.release;
  sample->gain.value = mine;
  sample->gain.tangent[ATTACK] = falling ? f - before : 0.0;
  sample->gain.tangent[RELEASE] = falling ? 0.0 : f - before;
  state->gain = gain;
}

__device__ inline void smooth(LineState *state, Sample *sample)
{
  double(&tangent)[TANGENTS] = sample->gain.tangent;
  const double c = sample->coefficient;
  tangent[THRESHOLD] *= c;
  tangent[RATIO] *= c;
  tangent[AVERAGE] *= c;
  scan_tangents(1 - c, state->tangent, tangent);
  for (int i = 0; i < TANGENTS; i++) state->tangent[i] = last_lane(tangent[i]);
}

/* --- columns and their products --------------------------------------------------------------- */

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
__device__ inline void emphasize(const Decay<double> &pole, double *decayed,
                                 double (&column)[COLUMNS])
{
  double before[COLUMNS], sum[COLUMNS];
  for (int j = 0; j < COLUMNS; j++) {
    before[j] = load(decayed + j);
    sum[j] = column[j];
  }
  scan_decay(pole, before, sum);
  for (int j = 0; j < COLUMNS; j++) column[j] -= (1 - POLE) * lane_before(sum[j], before[j]);
  if (lane_of_thread() == WARP - 1)
    for (int j = 0; j < COLUMNS; j++) store(decayed + j, sum[j]);
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

/** One excerpt; `channels` (C, COLUMNS) is the emphasis of each channel. */
template <class real>
struct Excerpt {
  const real *x, *target;
  double *channels;
};

/** This warp's channels of the sample at `at` in the excerpt, of gain g. */
template <class real>
__device__ inline void add_channels(const CompressorSet &s, const Recordings<real> &in,
                                    const Excerpt<real> &excerpt, const Decay<double> &pole,
                                    const Gain &g, int64_t at, double (&sums)[PRODUCTS])
{
  const bool inside = at >= 0 && at < in.T;
  for (int64_t c = threadIdx.x / WARP - EMPHASIS; c < in.C; c += CHANNEL_WARPS) {
    double column[COLUMNS] = {};
    const int64_t i = c * in.T + at;
    if (inside) new_columns(s, g, load(excerpt.x + i), load(excerpt.target + i), column);
    emphasize(pole, excerpt.channels + c * COLUMNS, column);
    if (inside) add_products(column, sums); /* behind the end columns go on decaying */
  }
}

/* --- the line --------------------------------------------------------------------------------- */

/** Runs one excerpt. Gains are made `ahead` samples before they are used; where nothing is left to
 *  look ahead at, the gain is 1. */
template <class real>
__device__ inline void run_excerpt(const CompressorSet &s, const Recordings<real> &in,
                                   const Excerpt<real> &excerpt, double (&sums)[PRODUCTS])
{
  APF_SHARED(line, Table<Table<Sample, WARP>, STAGES>);
  const int warp = threadIdx.x / WARP, lane = lane_of_thread();
  const int stage = warp < EMPHASIS ? warp : EMPHASIS;
  const Decay<double> decay = powers_of(stage == AVERAGING ? 1 - s.average : POLE);
  LineState state = {0, 0, 1, {}};
  const int64_t tiles = (in.T + in.ahead + WARP - 1) / WARP;
  for (int64_t step = 0; step < tiles + STAGES - 1; step++) {
    const int64_t tile = step - stage, t = tile * WARP + lane;
    Sample *sample = &line[static_cast<int>((step + STAGES - stage) % STAGES)][lane];
    const bool made = tile >= 0 && tile * WARP < in.T; /* of gains that depend on the signal */
    if (made && stage == LISTENING) sample->level = level_at(in, excerpt.x, t);
    if (made && stage == AVERAGING) average(s, decay, &state, sample);
    if (made && stage == BENDING) bend(s, sample);
    if (made && stage == FOLLOWING) follow(s, &state, sample);
    if (made && stage == SMOOTHING) smooth(&state, sample);
    if (stage == EMPHASIS && tile >= 0 && tile < tiles && (tile + 1) * WARP > in.ahead) {
      Gain g = sample->gain;
      if (t >= in.T) g = {1, {}};
      add_channels(s, in, excerpt, decay, g, t - in.ahead, sums);
    }
    __syncthreads(); /* the line moves on */
  }
}

/** sums (P, B, PRODUCTS), channels (P, B, C, COLUMNS). */
template <class real>
__global__ void compressor_normal_kernel(int64_t P, Recordings<real> in, const real *sets,
                                         CurveLine<double> low, double *all_sums,
                                         double *all_channels)
{
  APF_BLOCK_LOOP(task, P * in.B)
  {
    const int64_t at = task % in.B * in.C * in.T;
    const Excerpt<real> excerpt = {in.x + at, in.target + at, all_channels + task * in.C * COLUMNS};
    double sums[PRODUCTS] = {};
    for (int64_t i = threadIdx.x; i < in.C * COLUMNS; i += THREADS)
      store(excerpt.channels + i, 0.0);
    __syncthreads();
    run_excerpt(new_set(sets + task / in.B * PARAMETERS, low), in, excerpt, sums);
    block_sums<THREADS>(sums);
#pragma unroll
    for (int i = 0; i < PRODUCTS; i++)
      if (threadIdx.x == 0) store(all_sums + task * PRODUCTS + i, sums[i]);
  }
}

/* --- handing out ------------------------------------------------------------------------------ */

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
  const int64_t tasks = P * B;
  const Recordings<real> in = {B, C, T, delay < T ? delay : T, x, target};
  void *scratch = nullptr;
  APF_TRY(apf_workspace(ctx, static_cast<size_t>(tasks * (PRODUCTS + C * COLUMNS)) * sizeof(double),
                        &scratch));
  double *const sums = static_cast<double *>(scratch);
  APF_TRY(APF_LAUNCH(ctx, compressor_normal_kernel<real>, block_each(tasks), THREADS, 0, P, in,
                     sets, curve_line<double>(exp_threshold, exp_ratio), sums,
                     sums + tasks * PRODUCTS));
  return APF_LAUNCH(ctx, hand_out_kernel, grid_for(ctx, P * PRODUCTS, THREADS), THREADS, 0, P, B,
                    sums, cost, gradient, hessian);
}
APF_INSTANTIATE_REAL(compressor_normal);

}  // namespace apf_cuda
