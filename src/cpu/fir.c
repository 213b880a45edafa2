/**
 * Time-varying FIR filter, its adjoint and its derivative.
 *
 *   y[t] = sum_k b[t,k] x[t-k],   k = 0..K-1,   x[-j] = zi[K-1-j]
 *   dx[s] = sum_k b[s+k,k] dy[s+k] (+ dzf[s-(T-K+1)]),   dzi is the same for s = -(K-1)..-1
 *   db[t,k] = dy[t] x[t-k], added to the two frames around t by their weights where b is
 *   interpolated, summed over t where it is constant
 *
 * Lanes run along time: fir_samples.h has the arithmetic of taps per sample, fir_frames.h that of
 * constant and interpolated ones; here time is cut into tiles. Backward is one pass as well: what a
 * tile adds to the gradient of the K-1 samples before it is carried from tile to tile, and dx is
 * written K-1 samples behind. Threads share out the sequences, or time where those are few.
 */
#include "cpu/cpu.h"
#include "cpu/fir_frames.h"
#include "cpu/fir_samples.h"
#include "cpu/scratch.h"

enum { TILE = 256, WORTH_DIVIDING = 16384, ROWS_IN_CACHE = 2048 };

static inline int64_t smaller(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

/** How the work is divided: every sequence into `chunks` of time, a job each. */
typedef struct fir_plan {
  fir_sizes s;
  int64_t H; /* samples of history: K-1 */
  int64_t tile, stride;
  int64_t chunks, jobs;
} fir_plan;

static fir_plan make_plan(const apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t K)
{
  fir_plan p = {.s = {T, F, K}, .H = K - 1, .tile = TILE};
  /* Rows of K products stay in the first cache, yet a tile is no shorter than what it carries. */
  while (p.tile > 64 && K * p.tile > ROWS_IN_CACHE) p.tile /= 2;
  if (p.tile < K) p.tile = scratch_room(K);
  /* Room for the carried and for whole vectors; rows do not share their cache sets. */
  p.stride = scratch_room(2 * p.H + p.tile + LANES) + APF_SCRATCH_LINE;
  p.chunks = ctx->threads / B;
  if (p.chunks > T / WORTH_DIVIDING) p.chunks = T / WORTH_DIVIDING;
  if (p.chunks < 1) p.chunks = 1;
  p.jobs = B * p.chunks;
  return p;
}

/** Samples [from, to) of sequence b. */
typedef struct fir_job {
  int64_t b, from, to;
} fir_job;

static fir_job job_at(const fir_plan *p, int64_t j)
{
  const int64_t chunk = j % p->chunks;
  return (fir_job){j / p->chunks, p->s.T * chunk / p->chunks, p->s.T * (chunk + 1) / p->chunks};
}

/** Arrays of one thread, `stride` values each. */
typedef struct fir_scratch {
  real *input, *out, *weights, *left, *right;
  real *rows; /* K of them; only where taps are per sample */
} fir_scratch;

static int64_t scratch_size(const fir_plan *p)
{
  const int64_t rows = p->s.F == p->s.T ? p->s.K : 0;
  return (5 + rows) * p->stride;
}

static fir_scratch own_scratch(const fir_plan *p, real *all)
{
  real *mine = all + scratch_thread() * scratch_size(p);
  const int64_t stride = p->stride;
  return (fir_scratch){mine,
                       mine + stride,
                       mine + 2 * stride,
                       mine + 3 * stride,
                       mine + 4 * stride,
                       mine + 5 * stride};
}

/** Scratch of every thread, and doubles behind it. */
static apf_status open_scratch(apf_context *ctx, const fir_plan *p, int64_t doubles, real **all,
                               double **sums)
{
  const size_t scratch = (size_t)(ctx->threads * scratch_size(p)) * sizeof(real);
  void *workspace;
  APF_TRY(apf_workspace(ctx, scratch + (size_t)doubles * sizeof(double), &workspace));
  *all = workspace;
  *sums = (double *)((char *)workspace + scratch);
  return APF_OK;
}

/** A signal with what came before it; either may be NULL: zeros. */
typedef struct fir_signal {
  const real *x, *zi;
} fir_signal;

static fir_signal signal_at(const fir_plan *p, const real *x, const real *zi, int64_t b)
{
  return (fir_signal){x ? x + b * p->s.T : NULL, zi ? zi + b * p->H : NULL};
}

static real signal_value(const fir_plan *p, const fir_signal *signal, int64_t t)
{
  if (t >= 0) return signal->x ? signal->x[t] : 0;
  return signal->zi ? signal->zi[p->H + t] : 0;
}

/** Where sample t lies, with H readable samples before it, n from it on, and whole vectors. */
static const real *signal_samples(const fir_plan *p, const fir_signal *signal, int64_t t, int64_t n,
                                  real *input)
{
  if (signal->x && t >= p->H && t + n + LANES <= p->s.T) return signal->x + t;
  const int64_t length = p->H + n;
  for (int64_t i = 0; i < length; i++) input[i] = signal_value(p, signal, t - p->H + i);
  memset(input + length, 0, LANES * sizeof(real));
  return input + p->H;
}

/** The last H samples. */
static void store_state(const fir_plan *p, const fir_signal *signal, real *zf)
{
  for (int64_t j = 0; j < p->H; j++) zf[j] = signal_value(p, signal, p->s.T - p->H + j);
}

/* --- forward, and forward mode ---------------------------------------------------------------- */

/** A product of taps and signal; forward mode adds two of them. */
typedef struct fir_term {
  const real *b, *x, *zi;
} fir_term;

static void filter_tile(const fir_plan *p, const fir_term *term, int64_t b, int64_t t, int64_t n,
                        const fir_scratch *scratch, real *out)
{
  const fir_sizes *s = &p->s;
  const fir_signal signal = signal_at(p, term->x, term->zi, b);
  const real *x = signal_samples(p, &signal, t, n, scratch->input);
  const real *taps = term->b + b * s->F * s->K;
  if (s->F == s->T) {
    FOR_TAPS(s->K, samples_filter, n, s->T - t, taps + t * s->K, x, out)
    return;
  }
  for (int64_t from = t; from < t + n;) {
    const stretch part = stretch_at(s, from, t + n);
    frames_filter(s, part, taps, x + (from - t), scratch->weights, out + (from - t));
    from = part.to;
  }
}

static void filter_job(const fir_plan *p, const fir_term *terms, int count, fir_job job,
                       const fir_scratch *scratch, real *y)
{
  for (int64_t t = job.from; t < job.to; t += p->tile) {
    const int64_t n = smaller(p->tile, job.to - t);
    real *to = y + job.b * p->s.T + t;
    if (count == 0) memset(to, 0, (size_t)n * sizeof(real));
    for (int i = 0; i < count; i++) {
      filter_tile(p, &terms[i], job.b, t, n, scratch, scratch->out);
      if (i == 0)
        memcpy(to, scratch->out, (size_t)n * sizeof(real));
      else
        for (int64_t j = 0; j < n; j++) to[j] += scratch->out[j];
    }
  }
}

static apf_status filter(apf_context *ctx, const fir_plan *p, const fir_term *terms, int count,
                         real *y)
{
  real *all;
  double *none;
  APF_TRY(open_scratch(ctx, p, 0, &all, &none));
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t j = 0; j < p->jobs; j++) {
    const fir_scratch scratch = own_scratch(p, all);
    filter_job(p, terms, count, job_at(p, j), &scratch, y);
  }
  return APF_OK;
}

apf_status APF_CPU(fir_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t K,
                                const real *x, const real *b, const real *zi, real *y, real *zf)
{
  const fir_plan p = make_plan(ctx, B, T, F, K);
  const fir_term term = {b, x, zi};
  APF_TRY(filter(ctx, &p, &term, 1, y));
  for (int64_t i = 0; zf && i < B; i++) {
    const fir_signal signal = signal_at(&p, x, zi, i);
    store_state(&p, &signal, zf + i * p.H);
  }
  return APF_OK;
}

apf_status APF_CPU(fir_jvp)(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t K,
                            const real *x_dot, const real *b_dot, const real *zi_dot, const real *x,
                            const real *b, const real *zi, real *y_dot, real *zf_dot)
{
  const fir_plan p = make_plan(ctx, B, T, F, K);
  fir_term terms[2];
  int count = 0;
  if (x_dot || zi_dot) terms[count++] = (fir_term){b, x_dot, zi_dot};
  if (b_dot) terms[count++] = (fir_term){b_dot, x, zi};
  APF_TRY(filter(ctx, &p, terms, count, y_dot));
  for (int64_t i = 0; zf_dot && i < B; i++) {
    const fir_signal signal = signal_at(&p, x_dot, zi_dot, i);
    store_state(&p, &signal, zf_dot + i * p.H);
  }
  return APF_OK;
}

/* --- backward --------------------------------------------------------------------------------- */

typedef struct backward_arrays {
  const real *dy, *dzf, *x, *b, *zi;
  real *dx, *db, *dzi;
} backward_arrays;

/** out[i] is the gradient of sample t - H + i, i < n. Of the samples before the job only the first
 *  job of a sequence knows all. */
static void store_input_gradient(const fir_plan *p, const backward_arrays *a, fir_job job,
                                 int64_t t, int64_t n, const real *out)
{
  const int64_t T = p->s.T, H = p->H, first = t - H, end = first + n;
  for (int64_t s = first; s < end && s < 0; s++)
    if (a->dzi && job.from == 0)
      a->dzi[job.b * H + H + s] =
          out[s - first] + (a->dzf && s >= T - H ? a->dzf[job.b * H + s - (T - H)] : 0);
  const int64_t from = first > job.from ? first : job.from;
  if (!a->dx || from >= end) return;
  real *dx = a->dx + job.b * T;
  memcpy(dx + from, out + (from - first), (size_t)(end - from) * sizeof(real));
  if (!a->dzf) return;
  for (int64_t s = from > T - H ? from : T - H; s < end; s++)
    dx[s] += a->dzf[job.b * H + s - (T - H)];
}

/** out[i] = sum_k rows[k][i+k]; then the rows move on by the n samples of the tile. */
SIMD_INLINE void sum_diagonals(const int64_t K, int64_t n, int64_t stride, real *rows, real *out)
{
  for (int64_t i = 0; i < n; i += LANES) {
    vec sum = vec_load(rows + i);
    for (int64_t k = 1; k < K; k++) sum += vec_load(rows + k * stride + i + k);
    vec_store(out + i, sum);
  }
  for (int64_t k = 0; k < K; k++) {
    real *row = rows + k * stride;
    if (K <= LANES)
      vec_store(row, vec_load(row + n));
    else
      memmove(row, row + n, (size_t)(K - 1) * sizeof(real));
  }
}

/** Taps per sample. dx of a sample needs the H after it, which may be the next job's; beyond T the
 *  products are zero. */
static void backward_samples(const fir_plan *p, const backward_arrays *a, fir_job job,
                             const fir_scratch *s)
{
  const int64_t T = p->s.T, K = p->s.K, H = p->H, stride = p->stride;
  const int wants_input = a->dx || a->dzi;
  const fir_signal signal = signal_at(p, a->x, a->zi, job.b);
  const int64_t end = wants_input ? job.to + H : job.to;
  for (int64_t k = 0; k < K; k++) memset(s->rows + k * stride, 0, (size_t)H * sizeof(real));
  for (int64_t t = job.from; t < end; t += p->tile) {
    const int64_t n = smaller(p->tile, end - t), own = smaller(n, job.to - t);
    const int64_t valid = t < T ? smaller(n, T - t) : 0;
    const real *dy = a->dy + job.b * T + smaller(t, T);
    const int64_t taps = (job.b * T + t) * K;
    if (wants_input) {
      if (valid) FOR_TAPS(K, samples_products, valid, T - t, a->b + taps, dy, s->rows + H, stride)
      for (int64_t k = 0; k < K; k++)
        memset(s->rows + k * stride + H + valid, 0, (size_t)(n - valid) * sizeof(real));
      FOR_TAPS(K, sum_diagonals, n, stride, s->rows, s->out)
      store_input_gradient(p, a, job, t, n, s->out);
    }
    if (!a->db || own <= 0) continue;
    const real *x = signal_samples(p, &signal, t, own, s->input);
    FOR_TAPS(K, samples_gradient, own, job.to - t, dy, x, a->db + taps)
  }
}

/** Constant and interpolated taps, a stretch at a time. s->out carries H values. */
static void backward_frames(const fir_plan *p, const backward_arrays *a, fir_job job,
                            const fir_scratch *s, frame_sums *sums)
{
  const fir_sizes *sizes = &p->s;
  const int64_t T = sizes->T, H = p->H;
  const int wants_input = a->dx || a->dzi;
  const fir_signal signal = signal_at(p, a->x, a->zi, job.b);
  const real *b = a->b + job.b * sizes->F * sizes->K;
  const int64_t end = wants_input ? job.to + H : job.to;
  int64_t t = job.from;
  memset(s->out, 0, (size_t)H * sizeof(real));
  while (t < end && t < T) {
    const int64_t most = smaller(t + p->tile, t < job.to ? job.to : smaller(end, T));
    const stretch part = stretch_at(sizes, t, most);
    const int64_t n = part.to - t;
    weighted_gradient weighted = {.left = s->left, .right = s->right};
    weigh_gradient(sizes, part, a->dy + job.b * T + t, &weighted);
    if (wants_input) {
      memset(s->out + H, 0, (size_t)(n + LANES) * sizeof(real));
      frames_scatter(sizes, part.frame, b, &weighted, s->out);
      store_input_gradient(p, a, job, t, n, s->out);
      memmove(s->out, s->out + n, (size_t)H * sizeof(real));
    }
    if (a->db && t < job.to)
      frame_sums_add(sizes, part.frame, &weighted, signal_samples(p, &signal, t, n, s->input),
                     sums);
    t = part.to;
  }
  if (t < end) store_input_gradient(p, a, job, t, end - t, s->out);
}

/** Without samples only the states are connected, and db is zero. */
static void backward_of_nothing(int64_t B, const fir_plan *p, const backward_arrays *a)
{
  for (int64_t i = 0; a->dzi && i < B * p->H; i++) a->dzi[i] = a->dzf ? a->dzf[i] : 0;
  for (int64_t i = 0; a->db && i < B * p->s.F * p->s.K; i++) a->db[i] = 0;
}

static frame_sums job_sums(const fir_plan *p, const backward_arrays *a, fir_job job, double *sums)
{
  return frame_sums_of(&p->s, job.from, job.to, a->db + job.b * p->s.F * p->s.K, sums);
}

apf_status APF_CPU(fir_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t K,
                                 const real *dy, const real *dzf, const real *x, const real *b,
                                 const real *zi, real *dx, real *db, real *dzi)
{
  const fir_plan p = make_plan(ctx, B, T, F, K);
  const backward_arrays a = {dy, dzf, x, b, zi, dx, db, dzi};
  if (T == 0) {
    backward_of_nothing(B, &p, &a);
    return APF_OK;
  }
  const int sums_frames = db && F != T;
  const int64_t each = sums_frames ? 5 * K : 0;
  real *all;
  double *sums;
  APF_TRY(open_scratch(ctx, &p, p.jobs * each, &all, &sums));
  memset(sums, 0, (size_t)(p.jobs * each) * sizeof *sums);
  if (sums_frames) memset(db, 0, (size_t)(B * F * K) * sizeof(real));
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t j = 0; j < p.jobs; j++) {
    const fir_job job = job_at(&p, j);
    const fir_scratch scratch = own_scratch(&p, all);
    frame_sums g = {0};
    if (sums_frames) g = job_sums(&p, &a, job, sums + j * each);
    if (F == T)
      backward_samples(&p, &a, job, &scratch);
    else
      backward_frames(&p, &a, job, &scratch, &g);
    if (sums_frames) frame_sums_end(&p.s, &g);
  }
  for (int64_t j = 0; sums_frames && j < p.jobs; j++) {
    const frame_sums g = job_sums(&p, &a, job_at(&p, j), sums + j * each);
    frame_sums_join(&p.s, &g);
  }
  return APF_OK;
}
