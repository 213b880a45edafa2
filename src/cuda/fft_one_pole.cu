/**
 * One-pole average by frequency sampling over the whole signal, and its adjoint.
 *
 *   V = rfft(x), H = c / A, A = 1 - (1-c) e^{-jw}, w = 2 pi k / T;   y = irfft(V H)
 *   with G = rfft(dy):  dx = irfft(G conj(H)),
 *   dc = (1/T) sum over the whole spectrum of Re(G conj(V dH/dc)),  dH/dc = (1 - e^{-jw}) / A^2
 *
 * 1 - e^{-jw} = 2 s (s + j r) with s = sin(w/2), r = cos(w/2), and A = c + (1-c)(1 - e^{-jw}): no
 * difference of nearly equal numbers, however slow the average. Responses are computed in double.
 *
 * Rows are transformed in place in the workspace; a thread takes a bin. The sum over bins is one of
 * each block, then, by one block to a row, of the blocks in order; both in double.
 */
#include "cuda/fft.h"
#include "cuda/reduce.h"
#include "cuda/spectral.h"
#include "cuda/stft_frames.h"

namespace apf_cuda {

enum { SUM_THREADS = 256 };

/** H / T at bin k, and 1 - e^{-jw} and 1 / A on the way. */
struct Response {
  apf_c128 H, over_A, rise;
};

__device__ static Response response_at(int64_t k, double c, double over_T)
{
  double s, r;
  sincospi(static_cast<double>(k) * over_T, &s, &r);
  Response at;
  at.rise = {2 * s * s, 2 * s * r};
  at.over_A = reciprocal(apf_c128{c + (1 - c) * at.rise.re, (1 - c) * at.rise.im});
  at.H = scale(at.over_A, c * over_T);
  return at;
}

template <class real>
__device__ static apf_c128 load_wide(const real *X, int64_t k)
{
  const Bin<real> bin = load_bin(X, k);
  return {bin.re, bin.im};
}
template <class real>
__device__ static void store_narrow(real *X, int64_t k, apf_c128 bin)
{
  store_bin(X, k, {static_cast<real>(bin.re), static_cast<real>(bin.im)});
}

/** Whether bin k stands for itself alone. */
__device__ static bool is_end(int64_t k, int64_t T)
{
  return k == 0 || 2 * k == T;
}

/** V <- V H, or V conj(H), each of `rows` with its c. */
template <class real>
__global__ void one_pole_bins_kernel(int64_t rows, int64_t T, const real *c, bool conjugate,
                                     real *V)
{
  const int64_t K = T / 2 + 1;
  const double over_T = 1 / static_cast<double>(T);
  APF_ROW_LOOP(row, rows)
  {
    const double of_row = load(c + row);
    APF_GRID_LOOP(k, K)
    {
      const apf_c128 H = response_at(k, of_row, over_T).H;
      const apf_c128 v = load_wide(V, row * K + k);
      store_narrow(V, row * K + k, real_if(is_end(k, T), mul(v, conjugate ? conj(H) : H)));
    }
  }
}

/** G <- G conj(H); sums[row, block] = sum over the block's bins of Re(G conj(V dH/dc)), inner bins
 *  counted twice. */
template <class real>
__global__ void one_pole_gradient_kernel(int64_t rows, int64_t T, const real *c, const real *V,
                                         real *G, double *sums)
{
  const int64_t K = T / 2 + 1;
  const double over_T = 1 / static_cast<double>(T);
  APF_ROW_LOOP(row, rows)
  {
    const double of_row = load(c + row);
    double sum = 0;
    APF_GRID_LOOP(k, K)
    {
      const Response at = response_at(k, of_row, over_T);
      const apf_c128 g = load_wide(G, row * K + k), v = load_wide(V, row * K + k);
      const apf_c128 dH = mul(at.rise, mul(at.over_A, at.over_A));
      const double weight = is_end(k, T) ? 1 : 2;
      sum += weight * mul_conj(mul_conj(g, v), dH).re;
      store_narrow(G, row * K + k, real_if(is_end(k, T), mul_conj(g, at.H)));
    }
    const double total = block_sum<SUM_THREADS>(sum);
    if (threadIdx.x == 0) store(sums + row * gridDim.x + blockIdx.x, total);
  }
}

/** dc[row] = the sum of its n parts / T. */
template <class real>
__global__ void one_pole_sum_kernel(int64_t rows, int64_t n, int64_t T, const double *sums,
                                    real *dc)
{
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    double sum = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += load(sums + row * n + i);
    const double total = block_sum<SUM_THREADS>(sum);
    if (threadIdx.x == 0) store(dc + row, static_cast<real>(total / static_cast<double>(T)));
  }
}

/** Rows of x, transformed. */
template <class real>
static apf_status transform(apf_context *ctx, int64_t rows, int64_t T, const real *x, real *V)
{
  APF_TRY(copy_rows(ctx, rows, T, x, T, V, fft_row(T)));
  return fft_forward(ctx, T, rows, V);
}

template <class real>
static apf_status transform_back(apf_context *ctx, int64_t rows, int64_t T, real *V, real *y)
{
  APF_TRY(fft_inverse(ctx, T, rows, V));
  return copy_rows<real>(ctx, rows, T, V, fft_row(T), y, T);
}

template <class real>
static apf_status respond(apf_context *ctx, int64_t rows, int64_t T, const real *c, bool conjugate,
                          real *V)
{
  const Sheet sheet = sheet_for(ctx, rows, T / 2 + 1);
  return APF_LAUNCH(ctx, one_pole_bins_kernel<real>, sheet.grid, sheet.threads, 0, rows, T, c,
                    conjugate, V);
}

template <class real>
apf_status fft_one_pole_forward(apf_context *ctx, int64_t B, int64_t T, const real *x,
                                const real *c, real *y)
{
  APF_TRY(check_length(ctx, __func__, T));
  /* One sample is its own average: no transform has a length of one. */
  if (T == 1) return ctx->table->copy(ctx, y, x, static_cast<size_t>(B) * sizeof(real));
  const Chunks chunks(ctx, B, 1, fft_row(T) * sizeof(real));
  real *V;
  APF_TRY(workspace(ctx, chunks.most() * fft_row(T), &V));
  for (int64_t i = 0; i < chunks.size(); i++) {
    const int64_t row = chunks[i].row, rows = chunks[i].rows;
    APF_TRY(transform(ctx, rows, T, x + row * T, V));
    APF_TRY(respond(ctx, rows, T, c + row, false, V));
    APF_TRY(transform_back(ctx, rows, T, V, y + row * T));
  }
  return APF_OK;
}
APF_INSTANTIATE_REAL(fft_one_pole_forward);

/** G <- G conj(H) and dc, for some rows. */
template <class real>
static apf_status gradient(apf_context *ctx, int64_t rows, int64_t T, const real *c, const real *V,
                           real *G, double *sums, real *dc)
{
  const Sheet sheet = sheet_for(ctx, rows, T / 2 + 1);
  APF_TRY(APF_LAUNCH(ctx, one_pole_gradient_kernel<real>, sheet.grid, SUM_THREADS, 0, rows, T, c, V,
                     G, sums));
  const int64_t parts = sheet.grid.x;
  return APF_LAUNCH(ctx, one_pole_sum_kernel<real>, grid_for(ctx, rows, 1), SUM_THREADS, 0, rows,
                    parts, T, sums, dc);
}

template <class real>
static apf_status backward_of_one_sample(apf_context *ctx, int64_t B, const real *dy, real *dx,
                                         real *dc)
{
  const size_t bytes = static_cast<size_t>(B) * sizeof(real);
  if (dx) APF_TRY(ctx->table->copy(ctx, dx, dy, bytes));
  return dc ? ctx->table->zero(ctx, dc, bytes) : APF_OK;
}

template <class real>
apf_status fft_one_pole_backward(apf_context *ctx, int64_t B, int64_t T, const real *dy,
                                 const real *x, const real *c, real *dx, real *dc)
{
  APF_TRY(check_length(ctx, __func__, T));
  if (T == 1) return backward_of_one_sample(ctx, B, dy, dx, dc);
  const int64_t row_reals = fft_row(T), spectra = dc ? 2 : 1;
  const Chunks chunks(ctx, B, 1, spectra * row_reals * sizeof(real));
  const int64_t spectrum = room_for(chunks.most() * row_reals);
  const int64_t parts = chunks.most() * sheet_for(ctx, 1, T / 2 + 1).grid.x;
  const int64_t sums_room = room_for(parts * static_cast<int64_t>(sizeof(double) / sizeof(real)));
  real *cursor;
  APF_TRY(workspace(ctx, sums_room + spectra * spectrum, &cursor));
  double *sums = reinterpret_cast<double *>(take(&cursor, sums_room));
  real *G = take(&cursor, spectrum), *V = cursor;
  for (int64_t i = 0; i < chunks.size(); i++) {
    const int64_t row = chunks[i].row, rows = chunks[i].rows;
    APF_TRY(transform(ctx, rows, T, dy + row * T, G));
    if (dc) {
      APF_TRY(transform(ctx, rows, T, x + row * T, V));
      APF_TRY(gradient<real>(ctx, rows, T, c + row, V, G, sums, dc + row));
    } else {
      APF_TRY(respond(ctx, rows, T, c + row, true, G));
    }
    if (dx) APF_TRY(transform_back(ctx, rows, T, G, dx + row * T));
  }
  return APF_OK;
}
APF_INSTANTIATE_REAL(fft_one_pole_backward);

}  // namespace apf_cuda
