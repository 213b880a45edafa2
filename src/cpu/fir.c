/**
 * Time-varying FIR filter, its adjoint and its derivative.
 *
 *   y[t] = sum_k b[t,k] x[t-k],   k = 0..K-1,   x[-j] = zi[K-1-j]
 *   dx[s] = sum_k b[s+k,k] dy[s+k] (+ dzf[s-(T-K+1)]),   dzi is the same for s = -(K-1)..-1
 *   db[t,k] = dy[t] x[t-k], added to the two frames around t by their weights where b is
 *   interpolated, summed over t where it is constant
 *
 * Lanes run along time within a tile that stays in the first cache, where row k holds the k-th tap
 * of every sample (fir_taps.h). Backward is one pass as well: the products b[t,k] dy[t] of a tile
 * are kept in those rows, K-1 of the tile before in front of them, and dx is a sum along a
 * diagonal, K-1 samples behind. Threads share out the sequences, or spans of time where those are
 * few.
 */
#include "cpu/cpu.h"
#include "cpu/fir_taps.h"
#include "cpu/scratch.h"

enum { TILE = 256, WORTH_DIVIDING = 16384 };

/** How the work is divided: every sequence into `chunks` of time, a job each. */
typedef struct fir_plan {
  fir_sizes s;
  int64_t H; /* samples of history: K-1 */
  int64_t tile, stride;
  int64_t chunks, jobs;
} fir_plan;

static fir_plan make_plan(const apf_context *ctx, int64_t B, int64_t T, int64_t F, int64_t K)
{
  fir_plan p = {.s = {T, F, K}, .H = K - 1};
  p.tile = K > TILE ? scratch_room(K) : TILE;
  /* Room for history, and for whole vectors at the end; no two rows in the same cache sets. */
  p.stride = scratch_room(p.H + p.tile + LANES) + APF_SCRATCH_LINE;
  p.chunks = ctx->threads / B;
  if (p.chunks > T / WORTH_DIVIDING) p.chunks = T / WORTH_DIVIDING;
  if (p.chunks < 1) p.chunks = 1;
  p.jobs = B * p.chunks;
  return p;
}

/** The arrays of one thread. */
typedef struct fir_scratch {
  real *taps;               /* K rows of H + tile: taps, or taps times dy */
  real *columns;            /* K rows: gradients of taps per sample; backward only */
  real *input;              /* H + tile */
  real *dy, *out, *weights; /* tiles; `weights` are three */
} fir_scratch;

static fir_scratch take_scratch(const fir_plan *p, real **cursor)
{
  const int64_t K = p->s.K, row = p->stride;
  fir_scratch s = {.taps = scratch_take(cursor, K * row)};
  s.columns = scratch_take(cursor, K * row);
  s.input = scratch_take(cursor, row);
  s.dy = scratch_take(cursor, row);
  s.out = scratch_take(cursor, row);
  s.weights = scratch_take(cursor, 3 * row);
  return s;
}

static int64_t scratch_size(const fir_plan *p)
{
  return scratch_room(p->s.K * p->stride) * 2 + scratch_room(p->stride) * 3 +
         scratch_room(3 * p->stride);
}

/** Scratch of every thread; `sums` doubles for every job behind it. */
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

static fir_scratch own_scratch(const fir_plan *p, real *all)
{
  real *cursor = all + scratch_thread() * scratch_size(p);
  return take_scratch(p, &cursor);
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

/** Samples t0-H .. t0+n-1 into input[0 .. H+n-1], and zeros to fill the last vector. */
static void load_input(const fir_plan *p, const fir_signal *signal, int64_t t0, int64_t n,
                       real *input)
{
  const int64_t length = p->H + n;
  if (signal->x && t0 >= p->H)
    memcpy(input, signal->x + t0 - p->H, (size_t)length * sizeof(real));
  else
    for (int64_t i = 0; i < length; i++) input[i] = signal_value(p, signal, t0 - p->H + i);
  memset(input + length, 0, LANES * sizeof(real));
}

/** The last H samples. */
static void store_state(const fir_plan *p, const fir_signal *signal, real *zf)
{
  for (int64_t j = 0; j < p->H; j++) zf[j] = signal_value(p, signal, p->s.T - p->H + j);
}

/** out[i] += sum_k taps[k][i] input[H+i-k], for whole vectors. */
static void add_filtered(const fir_plan *p, int64_t n, const real *taps, const real *input,
                         real *out)
{
  for (int64_t i = 0; i < n; i += 2 * LANES) {
    vec sum0 = vec_load(out + i), sum1 = vec_load(out + i + LANES);
    for (int64_t k = 0; k < p->s.K; k++) {
      const real *b = taps + k * p->stride + i, *x = input + p->H - k + i;
      sum0 += vec_load(b) * vec_load(x);
      sum1 += vec_load(b + LANES) * vec_load(x + LANES);
    }
    vec_store(out + i, sum0);
    vec_store(out + i + LANES, sum1);
  }
}

/** Samples of job number j, [from, to) of sequence b. */
typedef struct fir_job {
  int64_t b, from, to;
} fir_job;

static fir_job job_at(const fir_plan *p, int64_t j)
{
  const int64_t chunk = j % p->chunks;
  return (fir_job){j / p->chunks, p->s.T * chunk / p->chunks, p->s.T * (chunk + 1) / p->chunks};
}

/** A product of taps and signal; forward mode adds two of them. */
typedef struct fir_term {
  const real *b, *x, *zi;
} fir_term;

static void filter_chunk(const fir_plan *p, const fir_term *terms, int count, fir_job job,
                         const fir_scratch *scratch, real *y)
{
  for (int64_t t = job.from; t < job.to; t += p->tile) {
    const int64_t n = smaller(p->tile, job.to - t);
    memset(scratch->out, 0, (size_t)p->stride * sizeof(real));
    for (int i = 0; i < count; i++) {
      const fir_signal signal = signal_at(p, terms[i].x, terms[i].zi, job.b);
      const real *b = terms[i].b + job.b * p->s.F * p->s.K;
      load_input(p, &signal, t, n, scratch->input);
      load_taps(&p->s, b, t, n, scratch->weights, scratch->taps, p->stride);
      add_filtered(p, n, scratch->taps, scratch->input, scratch->out);
    }
    memcpy(y + job.b * p->s.T + t, scratch->out, (size_t)n * sizeof(real));
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
    filter_chunk(p, terms, count, job_at(p, j), &scratch, y);
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

typedef struct backward_arrays {
  const real *dy, *dzf, *x, *b, *zi;
  real *dx, *db, *dzi;
} backward_arrays;

/** Row k of `taps`, from entry H on: taps times dy, zero after the `valid` first. Then `out` is dx
 *  of samples H before the tile's, and the rows are moved on by a tile. */
static void scatter_tile(const fir_plan *p, int64_t n, int64_t valid, const fir_scratch *s)
{
  const int64_t K = p->s.K, H = p->H, stride = p->stride;
  for (int64_t k = 0; k < K; k++) {
    real *row = s->taps + k * stride + H;
    for (int64_t i = 0; i < valid; i++) row[i] *= s->dy[i];
    for (int64_t i = valid; i < n; i++) row[i] = 0;
  }
  for (int64_t i = 0; i < n; i += LANES) {
    vec sum = vec_of(0);
    for (int64_t k = 0; k < K; k++) sum += vec_load(s->taps + k * stride + i + k);
    vec_store(s->out + i, sum);
  }
  for (int64_t k = 0; k < K; k++)
    memmove(s->taps + k * stride, s->taps + k * stride + n, (size_t)H * sizeof(real));
}

/** out[i] is the gradient of sample t0 - H + i; of those before `from` only job 0 knows all. */
static void store_input_gradient(const fir_plan *p, const backward_arrays *a, fir_job job,
                                 int64_t t0, int64_t n, const real *out)
{
  const int64_t T = p->s.T, H = p->H;
  for (int64_t i = 0; i < n; i++) {
    const int64_t s = t0 - H + i;
    real *to = s >= job.from             ? (a->dx ? a->dx + job.b * T + s : NULL)
               : job.from == 0 && a->dzi ? a->dzi + job.b * H + H + s
                                         : NULL;
    if (!to) continue;
    const int64_t kept = s - (T - H); /* where x[s] lies in zf */
    *to = out[i] + (a->dzf && kept >= 0 ? a->dzf[job.b * H + kept] : 0);
  }
}

/** db of a tile per sample, `n` of which are the job's. */
static void store_tap_gradient(const fir_plan *p, fir_job job, int64_t t0, int64_t n,
                               const fir_scratch *s, real *db)
{
  const int64_t K = p->s.K;
  for (int64_t k = 0; k < K; k++) {
    const real *x = s->input + p->H - k;
    real *row = s->columns + k * p->stride;
    for (int64_t i = 0; i < n; i += LANES)
      vec_store(row + i, vec_load(s->dy + i) * vec_load(x + i));
  }
  columns_to_rows(n, job.to - t0, K, s->columns, p->stride, db + (job.b * p->s.T + t0) * K);
}

static frame_gradients frame_gradients_at(const fir_plan *p, const backward_arrays *a, fir_job job,
                                          double *sums)
{
  real *db = a->db ? a->db + job.b * p->s.F * p->s.K : NULL;
  return frame_gradients_of(&p->s, job.from, job.to, db, sums);
}

static void backward_chunk(const fir_plan *p, const backward_arrays *a, fir_job job,
                           const fir_scratch *s, frame_gradients *g)
{
  const fir_sizes *sizes = &p->s;
  const int64_t T = sizes->T, K = sizes->K, H = p->H;
  const int wants_input = a->dx || a->dzi;
  const fir_signal signal = signal_at(p, a->x, a->zi, job.b);
  const real *b = a->b + job.b * sizes->F * K;
  /* dx of a sample needs the H after it, which may be the next job's; beyond T they are zero. */
  const int64_t end = wants_input ? job.to + H : job.to;
  for (int64_t k = 0; k < K; k++) memset(s->taps + k * p->stride, 0, (size_t)H * sizeof(real));
  for (int64_t t = job.from; t < end; t += p->tile) {
    const int64_t n = smaller(p->tile, end - t), valid = smaller(n, T - t),
                  own = smaller(n, job.to - t);
    if (valid > 0) memcpy(s->dy, a->dy + job.b * T + t, (size_t)valid * sizeof(real));
    if (wants_input) {
      if (valid > 0) load_taps(sizes, b, t, valid, s->weights, s->taps + H, p->stride);
      scatter_tile(p, n, valid > 0 ? valid : 0, s);
      store_input_gradient(p, a, job, t, n, s->out);
    }
    if (!a->db || own <= 0) continue;
    load_input(p, &signal, t, own, s->input);
    if (sizes->F == T)
      store_tap_gradient(p, job, t, own, s, a->db);
    else
      frame_gradients_add(sizes, t, own, s->dy, s->input + H, s->weights, p->stride, g);
  }
}

/** Without samples only the states are connected, and db is zero. */
static void backward_of_nothing(int64_t B, const fir_plan *p, const backward_arrays *a)
{
  for (int64_t i = 0; a->dzi && i < B * p->H; i++) a->dzi[i] = a->dzf ? a->dzf[i] : 0;
  for (int64_t i = 0; a->db && i < B * p->s.F * p->s.K; i++) a->db[i] = 0;
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
  const int in_frames = db && F != T;
  const int64_t sums_each = in_frames ? 5 * K : 0;
  real *all;
  double *sums;
  APF_TRY(open_scratch(ctx, &p, p.jobs * sums_each, &all, &sums));
  memset(sums, 0, (size_t)(p.jobs * sums_each) * sizeof *sums);
  if (in_frames) memset(db, 0, (size_t)(B * F * K) * sizeof(real));
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t j = 0; j < p.jobs; j++) {
    const fir_job job = job_at(&p, j);
    const fir_scratch scratch = own_scratch(&p, all);
    frame_gradients g = frame_gradients_at(&p, &a, job, sums + j * sums_each);
    backward_chunk(&p, &a, job, &scratch, &g);
    if (in_frames) frame_gradients_end(&p.s, &g);
  }
  for (int64_t j = 0; in_frames && j < p.jobs; j++) {
    const frame_gradients g = frame_gradients_at(&p, &a, job_at(&p, j), sums + j * sums_each);
    frame_gradients_join(&p.s, &g);
  }
  return APF_OK;
}
