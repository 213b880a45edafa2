/**
 * Long short-term memory layer, gates in PyTorch's order i, f, g, o.
 *
 *   a[t] = b_ih + b_hh + w_ih x[t] + w_hh h[t-1]          (4 H values)
 *   i, f, o = sigmoid(a_i, a_f, a_o),  g = tanh(a_g)
 *   c[t] = f c[t-1] + i g,   h[t] = y[t] = o tanh c[t]
 *
 * Backward through time, from dh[t] = dy[t] + w_hh' da[t+1] and dc:
 *
 *   do = dh tanh c;   dc += dh o (1 - tanh^2 c);   di = dc g;  dg = dc i;  df = dc c[t-1]
 *   da = d(gate) times the derivative of its function;   dc[t-1] = dc f
 *   dx = da w_ih;  dw_ih = sum da x';  dw_hh = sum da[t] h[t-1]';  db = sum da
 *
 * Rows of the batch are independent. A thread takes some of them through all steps: per step one
 * product of these rows with the weights, packed so that four vectors are read one after the other,
 * accumulated in registers. Sums over time for the weights' gradients are CBLAS products over
 * blocks of steps; threads' sums are added in thread order.
 */
#include "cpu/cpu.h"
#include "cpu/gemm.h"
#include "cpu/vector.h"
#include "cpu/vmath.h"

#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#if VEC_BYTES == 64
enum { ROWS = 6 }; /* 24 accumulators of 32 registers */
#else
enum { ROWS = 2 }; /* 8 of 16 */
#endif

enum { PANEL = 4 * VEC_LANES, STEPS = 128 };

typedef struct lstm_sizes {
  int64_t B, T, I, H;
  int64_t forward_panels;  /* of VEC_LANES hidden units, with their four gates */
  int64_t backward_panels; /* of 4 VEC_LANES hidden units */
} lstm_sizes;

static lstm_sizes sizes_of(int64_t B, int64_t T, int64_t I, int64_t H)
{
  return (lstm_sizes){B, T, I, H, (H + VEC_LANES - 1) / VEC_LANES, (H + PANEL - 1) / PANEL};
}

/* --- rows times a panel ----------------------------------------------------------------------- */

/** c[r] += sum_k a[r][k] panel[k], where c[r] (`c_row` apart) and panel[k] are four vectors. */
APF_INLINE void multiply(int rows, int64_t K, const real *const *a, const real *panel, real *c,
                         int64_t c_row)
{
  vec sum[ROWS][4];
  for (int r = 0; r < rows; r++)
    for (int v = 0; v < 4; v++) sum[r][v] = *(const vec *)(c + r * c_row + v * VEC_LANES);
  for (int64_t k = 0; k < K; k++, panel += PANEL) {
    const vec w0 = *(const vec *)panel, w1 = *(const vec *)(panel + VEC_LANES);
    const vec w2 = *(const vec *)(panel + 2 * VEC_LANES),
              w3 = *(const vec *)(panel + 3 * VEC_LANES);
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
      const real value = a[r][k];
      sum[r][0] += w0 * value;
      sum[r][1] += w1 * value;
      sum[r][2] += w2 * value;
      sum[r][3] += w3 * value;
    }
  }
  for (int r = 0; r < rows; r++)
    for (int v = 0; v < 4; v++) *(vec *)(c + r * c_row + v * VEC_LANES) = sum[r][v];
}

APF_NOINLINE static void multiply_rows(int rows, int64_t K, const real *const *a, const real *panel,
                                       real *c, int64_t c_row)
{
  switch (rows) {
    case 1: multiply(1, K, a, panel, c, c_row); break;
    case 2: multiply(2, K, a, panel, c, c_row); break;
#if VEC_BYTES == 64
    case 3: multiply(3, K, a, panel, c, c_row); break;
    case 4: multiply(4, K, a, panel, c, c_row); break;
    case 5: multiply(5, K, a, panel, c, c_row); break;
    default: multiply(6, K, a, panel, c, c_row);
#else
    default: break;
#endif
  }
}

/* --- packed weights --------------------------------------------------------------------------- */

/* Panel j of the forward pass: rows k of [gate][lane], hidden unit j VEC_LANES + lane; first the
 * biases, then the inputs, then the hidden units. Missing units are zero. */
static int64_t forward_panel_size(const lstm_sizes *n)
{
  return (1 + n->I + n->H) * PANEL;
}

static void pack_forward(const lstm_sizes *n, const real *w_ih, const real *w_hh, const real *b_ih,
                         const real *b_hh, real *packed)
{
  memset(packed, 0, (size_t)(n->forward_panels * forward_panel_size(n)) * sizeof(real));
  for (int gate = 0; gate < 4; gate++) {
    for (int64_t h = 0; h < n->H; h++) {
      const int64_t row = gate * n->H + h;
      real *to = packed + h / VEC_LANES * forward_panel_size(n) + gate * VEC_LANES + h % VEC_LANES;
      *to = (b_ih ? b_ih[row] : 0) + (b_hh ? b_hh[row] : 0);
      for (int64_t k = 0; k < n->I; k++) to[(1 + k) * PANEL] = w_ih[row * n->I + k];
      for (int64_t k = 0; k < n->H; k++) to[(1 + n->I + k) * PANEL] = w_hh[row * n->H + k];
    }
  }
}

/* Panel j of the backward pass: rows q of w_hh (4 H, H), columns j PANEL and on. */
static int64_t backward_panel_size(const lstm_sizes *n)
{
  return 4 * n->H * PANEL;
}

static void pack_backward(const lstm_sizes *n, const real *w_hh, real *packed)
{
  memset(packed, 0, (size_t)(n->backward_panels * backward_panel_size(n)) * sizeof(real));
  for (int64_t q = 0; q < 4 * n->H; q++)
    for (int64_t h = 0; h < n->H; h++)
      packed[h / PANEL * backward_panel_size(n) + q * PANEL + h % PANEL] = w_hh[q * n->H + h];
}

/* --- threads ---------------------------------------------------------------------------------- */

/** Number of groups of at most ROWS rows, a multiple of the threads where there are rows enough. */
static int64_t groups_of(const apf_context *ctx, int64_t B)
{
  int64_t groups = (B + ROWS - 1) / ROWS;
  groups = (groups + ctx->threads - 1) / ctx->threads * ctx->threads;
  return groups < B ? groups : B;
}

static int thread_number(void)
{
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

/** Rows of a batch that one thread takes through time. */
typedef struct row_group {
  int64_t first;
  int rows;
} row_group;

static row_group row_group_of(int64_t B, int64_t groups, int64_t group)
{
  const int64_t first = B * group / groups;
  return (row_group){first, (int)(B * (group + 1) / groups - first)};
}

/* --- forward ---------------------------------------------------------------------------------- */

/** Gates of `n` hidden units from their sums [gate][lane]; `gates` is `H` apart, or NULL. */
APF_INLINE void activate(int64_t n, const real *sums, real *cell, real *hidden, real *gates,
                         int64_t H)
{
  real i[VEC_LANES], f[VEC_LANES], g[VEC_LANES], o[VEC_LANES];
#pragma omp simd
  for (int64_t l = 0; l < n; l++) {
    i[l] = APF_FN(vm_sigmoid)(sums[l]);
    f[l] = APF_FN(vm_sigmoid)(sums[VEC_LANES + l]);
    g[l] = APF_FN(vm_tanh)(sums[2 * VEC_LANES + l]);
    o[l] = APF_FN(vm_sigmoid)(sums[3 * VEC_LANES + l]);
    cell[l] = f[l] * cell[l] + i[l] * g[l];
    hidden[l] = o[l] * APF_FN(vm_tanh)(cell[l]);
  }
  if (!gates) return;
  for (int64_t l = 0; l < n; l++) {
    gates[l] = i[l];
    gates[H + l] = f[l];
    gates[2 * H + l] = g[l];
    gates[3 * H + l] = o[l];
  }
}

typedef struct forward_arrays {
  const real *x, *packed, *h0, *c0, *zeros; /* zeros: H of them */
  real *y, *cn, *gates, *cells;
} forward_arrays;

/** Sums of all gates of some rows at step t. */
static void forward_sums(const lstm_sizes *n, const forward_arrays *p, row_group group, int64_t t,
                         real *sums)
{
  const real *x[ROWS], *h[ROWS];
  const int64_t row = n->forward_panels * PANEL;
  for (int r = 0; r < group.rows; r++) {
    const int64_t b = group.first + r;
    x[r] = p->x + (b * n->T + t) * n->I;
    h[r] = t > 0 ? p->y + (b * n->T + t - 1) * n->H : p->h0 ? p->h0 + b * n->H : p->zeros;
  }
  for (int64_t j = 0; j < n->forward_panels; j++) {
    const real *panel = p->packed + j * forward_panel_size(n);
    real *to = sums + j * PANEL;
    for (int r = 0; r < group.rows; r++) memcpy(to + r * row, panel, PANEL * sizeof(real));
    multiply_rows(group.rows, n->I, x, panel + PANEL, to, row);
    multiply_rows(group.rows, n->H, h, panel + (1 + n->I) * PANEL, to, row);
  }
}

/** One group of rows through all steps; scratch: ROWS times the sums, then the cells. */
static void forward_group(const lstm_sizes *n, const forward_arrays *p, row_group group,
                          real *scratch)
{
  const int64_t row = n->forward_panels * PANEL, H = n->H;
  real *sums = scratch, *cell = scratch + ROWS * row;
  memset(cell, 0, (size_t)(ROWS * H) * sizeof(real));
  if (p->c0) memcpy(cell, p->c0 + group.first * H, (size_t)(group.rows * H) * sizeof(real));
  for (int64_t t = 0; t < n->T; t++) {
    forward_sums(n, p, group, t, sums);
    for (int r = 0; r < group.rows; r++) {
      const int64_t at = (group.first + r) * n->T + t;
      for (int64_t h = 0; h < H; h += VEC_LANES) {
        const real *from = sums + r * row + h * 4;
        real *gates = p->gates ? p->gates + at * 4 * H + h : NULL;
        if (H - h >= VEC_LANES)
          activate(VEC_LANES, from, cell + r * H + h, p->y + at * H + h, gates, H);
        else
          activate(H - h, from, cell + r * H + h, p->y + at * H + h, gates, H);
      }
      if (p->cells) memcpy(p->cells + at * H, cell + r * H, (size_t)H * sizeof(real));
    }
  }
  if (p->cn) memcpy(p->cn + group.first * H, cell, (size_t)(group.rows * H) * sizeof(real));
}

apf_status APF_CPU(lstm_forward)(apf_context *ctx, int64_t B, int64_t T, int64_t I, int64_t H,
                                 const real *x, const real *w_ih, const real *w_hh,
                                 const real *b_ih, const real *b_hh, const real *h0, const real *c0,
                                 real *y, real *cn, real *gates, real *cells)
{
  const lstm_sizes n = sizes_of(B, T, I, H);
  const int64_t weights = n.forward_panels * forward_panel_size(&n), zeros = vec_round_up(H);
  const int64_t per_thread = vec_round_up(ROWS * (n.forward_panels * PANEL + H));
  void *memory;
  APF_TRY(apf_workspace(ctx, (size_t)(weights + zeros + ctx->threads * per_thread) * sizeof(real),
                        &memory));
  real *packed = memory, *none = packed + weights, *scratch = none + zeros;
  memset(none, 0, (size_t)zeros * sizeof(real));
  pack_forward(&n, w_ih, w_hh, b_ih, b_hh, packed);
  const forward_arrays p = {.x = x,
                            .packed = packed,
                            .h0 = h0,
                            .c0 = c0,
                            .zeros = none,
                            .y = y,
                            .cn = cn,
                            .gates = gates,
                            .cells = cells};
  const int64_t groups = groups_of(ctx, B);
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t group = 0; group < groups; group++)
    forward_group(&n, &p, row_group_of(B, groups, group), scratch + thread_number() * per_thread);
  return APF_OK;
}

/* --- backward --------------------------------------------------------------------------------- */

typedef struct backward_arrays {
  const real *dy, *dhn, *dcn, *x, *w_ih, *packed, *h0, *c0, *zeros, *y, *gates, *cells;
  real *dx, *dw_ih, *dw_hh, *db, *dh0, *dc0;
} backward_arrays;

/** A thread's part: dh and dc of a group of rows, da of a block of steps [row][step][4 H]. */
typedef struct backward_scratch {
  real *dh, *dc, *da;
  int64_t dh_row;
  real *dw_ih, *dw_hh, *db; /* this thread's sums */
} backward_scratch;

/** da of one row at one step, from dh (its recurrent part) and dy; dc becomes that of the step
 *  before. */
static void gates_backward(int64_t H, const real *dy, const real *dh, const real *gates,
                           const real *cell, const real *before, real *dc, real *da)
{
  const real *i = gates, *f = gates + H, *g = gates + 2 * H, *o = gates + 3 * H;
#pragma omp simd
  for (int64_t h = 0; h < H; h++) {
    const real upstream = dy[h] + dh[h], squashed = APF_FN(vm_tanh)(cell[h]);
    const real of_cell = dc[h] + upstream * o[h] * (1 - squashed * squashed);
    da[h] = of_cell * g[h] * i[h] * (1 - i[h]);
    da[H + h] = of_cell * before[h] * f[h] * (1 - f[h]);
    da[2 * H + h] = of_cell * i[h] * (1 - g[h] * g[h]);
    da[3 * H + h] = upstream * squashed * o[h] * (1 - o[h]);
    dc[h] = of_cell * f[h];
  }
}

/** Step t of a group, which is step s of its block: writes da and the dh of step t - 1. */
static void backward_step(const lstm_sizes *n, const backward_arrays *p, row_group group, int64_t t,
                          int64_t s, backward_scratch *w)
{
  const int64_t H = n->H;
  const real *rows[ROWS];
  for (int r = 0; r < group.rows; r++) {
    const int64_t b = group.first + r, at = b * n->T + t;
    const real *before = t > 0 ? p->cells + (at - 1) * H : p->c0 ? p->c0 + b * H : p->zeros;
    real *da = w->da + (r * STEPS + s) * 4 * H;
    gates_backward(H, p->dy ? p->dy + at * H : p->zeros, w->dh + r * w->dh_row,
                   p->gates + at * 4 * H, p->cells + at * H, before, w->dc + r * H, da);
    rows[r] = da;
  }
  memset(w->dh, 0, (size_t)(ROWS * w->dh_row) * sizeof(real));
  for (int64_t j = 0; j < n->backward_panels; j++)
    multiply_rows(group.rows, 4 * H, rows, p->packed + j * backward_panel_size(n),
                  w->dh + j * PANEL, w->dh_row);
}

/** What the da of steps start..start+count-1 add to the gradients of weights and input. */
static void backward_block(const lstm_sizes *n, const backward_arrays *p, row_group group,
                           int64_t start, int64_t count, const backward_scratch *w)
{
  const int64_t H = n->H, I = n->I;
  for (int r = 0; r < group.rows; r++) {
    const int64_t b = group.first + r, at = b * n->T + start;
    const real *da = w->da + r * STEPS * 4 * H;
    if (p->dx)
      gemm(CblasNoTrans, CblasNoTrans, count, I, 4 * H, da, 4 * H, p->w_ih, I, 0, p->dx + at * I,
           I);
    if (p->dw_ih)
      gemm(CblasTrans, CblasNoTrans, 4 * H, I, count, da, 4 * H, p->x + at * I, I, 1, w->dw_ih, I);
    if (p->dw_hh && start > 0)
      gemm(CblasTrans, CblasNoTrans, 4 * H, H, count, da, 4 * H, p->y + (at - 1) * H, H, 1,
           w->dw_hh, H);
    if (p->dw_hh && start == 0 && count > 1)
      gemm(CblasTrans, CblasNoTrans, 4 * H, H, count - 1, da + 4 * H, 4 * H, p->y + at * H, H, 1,
           w->dw_hh, H);
    if (p->dw_hh && start == 0 && p->h0)
      gemm(CblasTrans, CblasNoTrans, 4 * H, H, 1, da, 4 * H, p->h0 + b * H, H, 1, w->dw_hh, H);
    for (int64_t s = 0; p->db && s < count; s++)
      for (int64_t q = 0; q < 4 * H; q++) w->db[q] += da[s * 4 * H + q];
  }
}

static void backward_group(const lstm_sizes *n, const backward_arrays *p, row_group group,
                           backward_scratch *w)
{
  const int64_t H = n->H;
  const size_t row = (size_t)H * sizeof(real);
  memset(w->dh, 0, (size_t)(ROWS * w->dh_row) * sizeof(real));
  memset(w->dc, 0, ROWS * row);
  for (int r = 0; r < group.rows; r++) {
    if (p->dhn) memcpy(w->dh + r * w->dh_row, p->dhn + (group.first + r) * H, row);
    if (p->dcn) memcpy(w->dc + r * H, p->dcn + (group.first + r) * H, row);
  }
  for (int64_t end = n->T; end > 0;) {
    const int64_t start = end > STEPS ? end - STEPS : 0;
    for (int64_t t = end - 1; t >= start; t--) backward_step(n, p, group, t, t - start, w);
    backward_block(n, p, group, start, end - start, w);
    end = start;
  }
  for (int r = 0; r < group.rows; r++) {
    if (p->dh0) memcpy(p->dh0 + (group.first + r) * H, w->dh + r * w->dh_row, row);
    if (p->dc0) memcpy(p->dc0 + (group.first + r) * H, w->dc + r * H, row);
  }
}

/** The threads' sums of one gradient, in thread order; a thread's lie `stride` apart. */
static void add_sums(int threads, int64_t size, const real *sums, int64_t stride, real *to)
{
  if (!to) return;
  for (int64_t i = 0; i < size; i++) {
    real sum = 0;
    for (int thread = 0; thread < threads; thread++) sum += sums[thread * stride + i];
    to[i] = sum;
  }
}

apf_status APF_CPU(lstm_backward)(apf_context *ctx, int64_t B, int64_t T, int64_t I, int64_t H,
                                  const real *dy, const real *dhn, const real *dcn, const real *x,
                                  const real *w_ih, const real *w_hh, const real *h0,
                                  const real *c0, const real *y, const real *gates,
                                  const real *cells, real *dx, real *dw_ih, real *dw_hh, real *db,
                                  real *dh0, real *dc0)
{
  const lstm_sizes n = sizes_of(B, T, I, H);
  const int64_t weights = n.backward_panels * backward_panel_size(&n), zeros = vec_round_up(H);
  const int64_t dh_row = n.backward_panels * PANEL, sums = 4 * H * (I + H + 1);
  const int64_t work = ROWS * (dh_row + H + STEPS * 4 * H);
  const int64_t per_thread = vec_round_up(work + sums);
  void *memory;
  APF_TRY(apf_workspace(ctx, (size_t)(weights + zeros + ctx->threads * per_thread) * sizeof(real),
                        &memory));
  real *packed = memory, *none = packed + weights, *scratch = none + zeros;
  memset(none, 0, (size_t)(zeros + ctx->threads * per_thread) * sizeof(real));
  pack_backward(&n, w_hh, packed);
  const backward_arrays p = {dy, dhn,   dcn,   x,  w_ih,  packed, h0, c0,  none,
                             y,  gates, cells, dx, dw_ih, dw_hh,  db, dh0, dc0};
  const int64_t groups = groups_of(ctx, B);
  apf_blas_begin();
#pragma omp parallel for num_threads(ctx->threads) schedule(static)
  for (int64_t group = 0; group < groups; group++) {
    real *own = scratch + thread_number() * per_thread;
    backward_scratch w = {.dh = own,
                          .dc = own + ROWS * dh_row,
                          .da = own + ROWS * (dh_row + H),
                          .dh_row = dh_row,
                          .dw_ih = own + work,
                          .dw_hh = own + work + 4 * H * I,
                          .db = own + work + 4 * H * (I + H)};
    backward_group(&n, &p, row_group_of(B, groups, group), &w);
  }
  apf_blas_end();
  const real *first = scratch + work;
  add_sums(ctx->threads, 4 * H * I, first, per_thread, dw_ih);
  add_sums(ctx->threads, 4 * H * H, first + 4 * H * I, per_thread, dw_hh);
  add_sums(ctx->threads, 4 * H, first + 4 * H * (I + H), per_thread, db);
  return APF_OK;
}
