/**
 * Normal equations of a compressor against a target, in one pass, for a batch of parameter sets.
 *
 *   r = pre(y - target),  J = dr/d(threshold, ratio, attack, release, average, make_up)
 *   cost = r'r, gradient = J'r, hessian = J'J;  pre: v[t] = u[t] - u[t-1] + 0.995 v[t-1]
 *
 * Forward mode: every set carries the tangents of its average and of its gain along, so the
 * Jacobian needs no further logarithms and never touches memory. Sets are the lanes of one vector;
 * time runs in blocks whose intermediate values stay in the first cache. Memory does not grow with
 * T.
 *
 *   p' = (1-c) p' + (level - p)                      of the average's coefficient
 *   s' = (1-c) s' + c f' + (f - s) if c is the one   of the ballistics, with the branch held
 */
#include "cpu/cpu.h"
#include "cpu/vmath.h"

#include <math.h>
#include <string.h>

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

enum {
  LANES = VECTOR_BYTES / (int)sizeof(real),
  BLOCK = 32,
  PARAMETERS = 6, /* of a set, in this order */
  THRESHOLD = 0,
  RATIO = 1,
  ATTACK = 2,
  RELEASE = 3,
  AVERAGE = 4,
  MAKE_UP = 5,
  GAINS = 6,                             /* the gain, then its five tangents */
  COLUMNS = 7,                           /* the residual, then the Jacobian's columns */
  PRODUCTS = COLUMNS * (COLUMNS + 1) / 2 /* of columns, upper triangle by rows */
};

#if APF_REAL_IS_FLOAT
typedef int32_t lane_bits;
#else
typedef int64_t lane_bits;
#endif
typedef real lanes __attribute__((vector_size(LANES * sizeof(real))));
typedef lane_bits lane_mask __attribute__((vector_size(LANES * sizeof(real))));

#define SELECT(mask, yes, no) ((lanes)(((mask) & (lane_mask)(yes)) | (~(mask) & (lane_mask)(no))))

static const real least_power = APF_REAL_IS_FLOAT ? (real)1e-30 : (real)1e-200;
static const double neper_per_db = 0.11512925464970228420;
static const real pole = (real)0.995;

/** What a group of sets is, with thresholds in nepers. */
typedef struct settings {
  lanes threshold, slope, ratio_rate; /* d slope / d ratio */
  lanes attack, release, average, make_up;
  real exp_threshold, exp_slope;
} settings;

/** What a group carries from block to block. */
typedef struct states {
  lanes power, power_dot, gain[GAINS];
} states;

/** What a group carries for each channel. */
typedef struct emphasis {
  lanes before[COLUMNS], value[COLUMNS];
} emphasis;

typedef struct work {
  real level[BLOCK];
  lanes power[BLOCK], power_dot[BLOCK];
  lanes curve[4][BLOCK]; /* the curve's gain; its tangents: threshold, ratio, average */
  lanes gain[BLOCK][GAINS];
  lanes columns[COLUMNS][BLOCK];
} work;

typedef struct signals {
  int64_t C, T, delay;
  const real *x, *target; /* (C, T) */
} signals;

static void set_lane(settings *s, int lane, const real *set)
{
  const double ratio = (double)set[RATIO];
  s->threshold[lane] = (real)(neper_per_db * (double)set[THRESHOLD]);
  s->slope[lane] = (real)(1 - 1 / ratio);
  s->ratio_rate[lane] = (real)(1 / (ratio * ratio));
  s->attack[lane] = set[ATTACK];
  s->release[lane] = set[RELEASE];
  s->average[lane] = set[AVERAGE];
  s->make_up[lane] = (real)exp(neper_per_db * (double)set[MAKE_UP]);
}

static void find_levels(const signals *in, int64_t start, int n, real *level)
{
  const real weight = 1 / (real)in->C, least = (real)1e-8;
  for (int i = 0; i < n; i++) level[i] = 0;
  for (int64_t c = 0; c < in->C; c++) {
    const real *x = in->x + c * in->T + start;
    for (int i = 0; i < n; i++) level[i] += weight * (x[i] * x[i] > least ? x[i] * x[i] : least);
  }
}

static void average_levels(const settings *s, int n, states *state, work *w)
{
  lanes p = state->power, p_dot = state->power_dot;
  const lanes c = s->average, d = 1 - c;
  for (int i = 0; i < n; i++) {
    const lanes distance = w->level[i] - p;
    p_dot = d * p_dot + distance;
    p = p + c * distance;
    w->power[i] = p;
    w->power_dot[i] = p_dot;
  }
  state->power = p;
  state->power_dot = p_dot;
}

/** The static curve and its tangents, one sample of every set at a time. */
static void bend(const settings *s, int n, work *w)
{
  for (int i = 0; i < n; i++) {
    const real *p = (const real *)&w->power[i], *p_dot = (const real *)&w->power_dot[i];
    const real *threshold = (const real *)&s->threshold, *slope = (const real *)&s->slope;
    const real *ratio_rate = (const real *)&s->ratio_rate;
    real *f = (real *)&w->curve[0][i], *f_threshold = (real *)&w->curve[1][i];
    real *f_ratio = (real *)&w->curve[2][i], *f_average = (real *)&w->curve[3][i];
#pragma omp simd
    for (int l = 0; l < LANES; l++) {
      const real power = p[l] > least_power ? p[l] : least_power;
      const real level = (real)0.5 * APF_FN(vm_log)(power);
      const real distance = threshold[l] - level;
      const real a = slope[l] * distance, e = s->exp_slope * (s->exp_threshold - level);
      const real lower = a < e ? a : e, g = lower < 0 ? lower : 0;
      const real gain = APF_FN(vm_exp)(g);
      const real bent = lower < 0 ? gain : 0, down = a < e ? bent : 0;
      f[l] = gain;
      f_threshold[l] = down * slope[l];
      f_ratio[l] = down * distance * ratio_rate[l];
      f_average[l] =
          (real)-0.5 * (f_threshold[l] + (bent - down) * s->exp_slope) * p_dot[l] / power;
    }
  }
}

static void smooth(const settings *s, int n, states *state, work *w)
{
  lanes gain = state->gain[0], threshold = state->gain[1], ratio = state->gain[2];
  lanes attack = state->gain[3], release = state->gain[4], average = state->gain[5];
  const lanes zero = {0};
  for (int i = 0; i < n; i++) {
    const lanes f = w->curve[0][i], distance = f - gain;
    const lane_mask falling = f < gain;
    const lanes c = SELECT(falling, s->attack, s->release), d = 1 - c;
    threshold = d * threshold + c * w->curve[1][i];
    ratio = d * ratio + c * w->curve[2][i];
    average = d * average + c * w->curve[3][i];
    attack = d * attack + SELECT(falling, distance, zero);
    release = d * release + SELECT(falling, zero, distance);
    gain = gain + c * distance;
    lanes *out = w->gain[i];
    out[0] = gain, out[1] = threshold, out[2] = ratio;
    out[3] = attack, out[4] = release, out[5] = average;
  }
  lanes *carry = state->gain;
  carry[0] = gain, carry[1] = threshold, carry[2] = ratio;
  carry[3] = attack, carry[4] = release, carry[5] = average;
}

/** Columns of n samples of one channel, before emphasis, then emphasised. */
static void emphasise(const settings *s, int n, const real *x, const real *target, emphasis *state,
                      work *w)
{
  const real k = (real)neper_per_db;
  for (int j = 0; j < COLUMNS; j++) {
    lanes before = state->before[j], value = state->value[j];
    /* Columns 1 to 5 are the gain's tangents; the residual and the make-up follow from the gain. */
    const int from = j == COLUMNS - 1 ? 0 : j;
    const lanes scale = j == COLUMNS - 1 || j == 1 ? k * s->make_up : s->make_up;
    for (int i = 0; i < n; i++) {
      lanes column = scale * x[i] * w->gain[i][from];
      if (j == 0) column -= target[i];
      value = (column - before) + pole * value;
      before = column;
      w->columns[j][i] = value;
    }
    state->before[j] = before;
    state->value[j] = value;
  }
}

/** Adds the products of the columns over n samples to the sums. */
static void accumulate(int n, const work *w, double *sums)
{
  for (int j = 0; j < COLUMNS; j++) {
    lanes products[COLUMNS];
    memset(products, 0, sizeof products);
    for (int i = 0; i < n; i++)
#pragma GCC unroll 7
      for (int k = 0; k < COLUMNS; k++)
        if (k >= j) products[k] += w->columns[j][i] * w->columns[k][i];
    for (int k = j; k < COLUMNS; k++, sums += LANES)
      for (int l = 0; l < LANES; l++) sums[l] += (double)products[k][l];
  }
}

/** Runs one excerpt through one group; sums has PRODUCTS x LANES zeros. `channels` is scratch. */
static void run_excerpt(const settings *s, const signals *in, emphasis *channels, work *w,
                        double *sums)
{
  states state;
  memset(&state, 0, sizeof state);
  state.gain[0] += 1;
  memset(channels, 0, (size_t)in->C * sizeof *channels);
  const int64_t ahead = in->delay < in->T ? in->delay : in->T;
  for (int64_t start = 0; start < in->T + ahead; start += BLOCK) {
    const int64_t left = in->T + ahead - start;
    int n = left < BLOCK ? (int)left : BLOCK, skip = 0;
    const int known = in->T - start < n ? in->T > start ? (int)(in->T - start) : 0 : n;
    if (known > 0) {
      find_levels(in, start, known, w->level);
      average_levels(s, known, &state, w);
      bend(s, known, w);
      smooth(s, known, &state, w);
    }
    for (int i = known; i < n; i++) { /* nothing to look ahead at: the gain is 1 */
      memset(w->gain[i], 0, sizeof w->gain[i]);
      w->gain[i][0] += 1;
    }
    if (start < ahead) skip = ahead - start < n ? (int)(ahead - start) : n;
    if (skip == n) continue;
    if (skip) memmove(w->gain, w->gain + skip, (size_t)(n - skip) * sizeof w->gain[0]);
    n -= skip;
    for (int64_t c = 0; c < in->C; c++) {
      const int64_t at = c * in->T + start + skip - ahead;
      emphasise(s, n, in->x + at, in->target + at, &channels[c], w);
      accumulate(n, w, sums);
    }
  }
}

/** Writes the sums of one set into its cost, gradient and hessian. */
static void hand_out(const double *sums, int lane, double *cost, double *gradient, double *hessian)
{
  int at = 0;
  for (int j = 0; j < COLUMNS; j++)
    for (int k = j; k < COLUMNS; k++) {
      const double sum = sums[at++ * LANES + lane];
      if (k == 0) {
        *cost = sum;
      } else if (j == 0) {
        gradient[k - 1] = sum;
      } else {
        hessian[(j - 1) * PARAMETERS + k - 1] = sum;
        hessian[(k - 1) * PARAMETERS + j - 1] = sum;
      }
    }
}

apf_status APF_CPU(compressor_normal)(apf_context *ctx, int64_t P, int64_t B, int64_t C, int64_t T,
                                      int64_t delay, const real *x, const real *target,
                                      const real *sets, double exp_threshold, double exp_ratio,
                                      double *cost, double *gradient, double *hessian)
{
  const int64_t groups = (P + LANES - 1) / LANES, tasks = groups * B;
  const size_t sums_bytes = PRODUCTS * LANES * sizeof(double);
  const size_t channels_bytes = (size_t)C * sizeof(emphasis);
  void *scratch;
  APF_TRY(apf_workspace(ctx, (size_t)tasks * (sums_bytes + channels_bytes), &scratch));
  double *all_sums = scratch;
  emphasis *all_channels = (emphasis *)(all_sums + tasks * PRODUCTS * LANES);
#pragma omp parallel for num_threads(ctx->threads) schedule(dynamic)
  for (int64_t task = 0; task < tasks; task++) {
    const int64_t group = task / B, b = task % B;
    settings s;
    s.exp_threshold = (real)(neper_per_db * exp_threshold);
    s.exp_slope = (real)(1 - 1 / exp_ratio);
    for (int lane = 0; lane < LANES; lane++) {
      const int64_t set = group * LANES + lane < P ? group * LANES + lane : P - 1;
      set_lane(&s, lane, sets + set * PARAMETERS);
    }
    const signals in = {C, T, delay, x + b * C * T, target + b * C * T};
    double *sums = all_sums + task * PRODUCTS * LANES;
    memset(sums, 0, sums_bytes);
    work w;
    run_excerpt(&s, &in, all_channels + task * C, &w, sums);
  }
  for (int64_t set = 0; set < P; set++) {
    const int64_t group = set / LANES;
    double *sums = all_sums + group * B * PRODUCTS * LANES;
    for (int64_t b = 1; b < B && set % LANES == 0; b++)
      for (int i = 0; i < PRODUCTS * LANES; i++) sums[i] += sums[b * PRODUCTS * LANES + i];
    hand_out(sums, (int)(set % LANES), cost + set, gradient + set * PARAMETERS,
             hessian + set * PARAMETERS * PARAMETERS);
  }
  return APF_OK;
}
