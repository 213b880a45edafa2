/**
 * Two-dimensional convolution with `same` padding and dilation along time, as matrix products.
 *
 *   y[b,o,h,t] = bias[o] + sum_{i,k,j} w[o,i,k,j] x[b,i,h + k - P_h, t + D (j - P_w)]
 *   dx = dy convolved with w reversed, channels exchanged;   dbias[o] = sum dy[:,o]
 *   dw[o,i,k,j] = sum_{b,h,t} dy[b,o,h,t] x[b,i,h + k - P_h, t + D (j - P_w)]
 *
 * With X[(i,k,j)][(h,t)] = x[b,i,h + k - P_h, t + D (j - P_w)], one column per point, y = w X, dx
 * is the same with other weights, and dw = dy X'. X is KH KW times as large as x, so it is gathered
 * for one piece of the points at a time, which is multiplied while it is still in the L2 cache. The
 * pieces' parts of dw are added up in their order, by cuBLAS, in whose hands all products are.
 */
#include "cuda/column_sums.h"
#include "cuda/gemm.h"

namespace apf_cuda {

enum {
  THREADS = 256,
  PIECE_BYTES = 64 << 20,
  LEAST_POINTS = THREADS /* of a piece, however many rows X has */
};

struct Convolution {
  int64_t B, I, O, H, W, KH, KW, D;

  int64_t points() const { return H * W; }
  int64_t taps() const { return KH * KW; }
  int64_t weights() const { return O * I * taps(); }
};

/* --- pieces of the points ----------------------------------------------------------------------
 */

/** Either some points of one image, or all points of some images. */
struct ConvPiece {
  int64_t image, images, point, points;
};

struct ConvPieces {
  int64_t B, P;
  int64_t images, points; /**< of the largest piece */
  int64_t per_image;      /**< pieces of an image where it is cut, else 1 */
  int64_t count;

  ConvPieces(const Convolution &s, int64_t column_bytes) : B(s.B), P(s.points())
  {
    const int64_t most = std::max<int64_t>(PIECE_BYTES / column_bytes, LEAST_POINTS);
    images = std::min(std::max<int64_t>(most / P, 1), B);
    points = std::min(most, P);
    per_image = divide_up(P, points);
    count = divide_up(B, images) * per_image;
  }
  ConvPiece operator[](int64_t i) const
  {
    const int64_t image = i / per_image * images, point = i % per_image * points;
    return {image, std::min(images, B - image), point, std::min(points, P - point)};
  }
};

/* --- gathering ---------------------------------------------------------------------------------
 */

/** X[(i,k,j)][image][point] of a piece. */
struct ConvGather {
  int64_t channels, H, W, KH, KW, D;
  ConvPiece piece;
  int64_t row_step, image_step;

  /** Blocks of a channel; one thread per point. */
  __host__ __device__ int64_t blocks() const
  {
    return (piece.images * piece.points + THREADS - 1) / THREADS;
  }
};

template <class real>
__global__ void __launch_bounds__(THREADS)
    conv2d_gather_kernel(ConvGather s, const real *x, real *columns)
{
  const int64_t channel = blockIdx.x / s.blocks();
  const int64_t n = blockIdx.x % s.blocks() * THREADS + threadIdx.x;
  if (n >= s.piece.images * s.piece.points) return;
  const int64_t image = n / s.piece.points, point = n % s.piece.points;
  const int64_t top = (s.piece.point + point) / s.W - (s.KH - 1) / 2;
  const int64_t left = (s.piece.point + point) % s.W - s.D * ((s.KW - 1) / 2);
  const real *plane = x + ((s.piece.image + image) * s.channels + channel) * s.H * s.W;
  real *to = columns + channel * s.KH * s.KW * s.row_step + image * s.image_step + point;
  for (int64_t h = top; h < top + s.KH; h++) {
    const bool inside = h >= 0 && h < s.H;
    for (int64_t j = 0, t = left; j < s.KW; j++, t += s.D, to += s.row_step)
      store(to, inside && t >= 0 && t < s.W ? load(plane + h * s.W + t) : 0);
  }
}

template <class real>
static apf_status gather(apf_context *ctx, const ConvGather &s, const real *x, real *columns)
{
  const unsigned grid = static_cast<unsigned>(s.channels * s.blocks());
  return APF_LAUNCH(ctx, conv2d_gather_kernel<real>, grid, THREADS, 0, s, x, columns);
}

/* --- w X: forward, and the gradient of the input ------------------------------------------------
 */

/** y (B, O, P) = bias (O); where an element belongs is carried along, not divided out. */
template <class real>
__global__ void conv2d_bias_kernel(int64_t B, int64_t O, int64_t P, const real *bias, real *y)
{
  const int64_t start = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  const int64_t step_p = step % P, step_o = step / P % O;
  int64_t p = start % P, o = start / P % O;
  for (int64_t i = start; i < B * O * P; i += step) {
    store(y + i, load(bias + o));
    p += step_p;
    o += step_o + (p >= P);
    if (p >= P) p -= P;
    if (o >= O) o -= O;
  }
}

static int64_t column_bytes(const Convolution &s, size_t size)
{
  return s.I * s.taps() * static_cast<int64_t>(size);
}

/** y (B, O, H, W) = x convolved with w, plus beta y; `columns`: room for the largest piece. */
template <class real>
static apf_status convolve(apf_context *ctx, const Convolution &s, const ConvPieces &pieces,
                           const real *x, const real *w, real beta, real *columns, real *y)
{
  const int64_t rows = s.I * s.taps(), P = s.points();
  for (int64_t i = 0; i < pieces.count; i++) {
    const ConvPiece piece = pieces[i];
    const ConvGather g = {s.I, s.H, s.W, s.KH, s.KW, s.D, piece, piece.points, rows * piece.points};
    APF_TRY(gather(ctx, g, x, columns));
    Product p = {};
    p.rows = s.O, p.columns = piece.points, p.depth = rows;
    p.a_row = rows, p.b_row = piece.points, p.c_row = P;
    p.batch = piece.images, p.b_next = g.image_step, p.c_next = s.O * P;
    APF_TRY(gemm<real>(ctx, p, w, columns, beta, y + piece.image * s.O * P + piece.point));
  }
  return APF_OK;
}

template <class real>
apf_status conv2d_forward(apf_context *ctx, int64_t B, int64_t I, int64_t O, int64_t H, int64_t W,
                          int64_t KH, int64_t KW, int64_t D, const real *x, const real *w,
                          const real *bias, real *y)
{
  const Convolution s = {B, I, O, H, W, KH, KW, D};
  const int64_t bytes = column_bytes(s, sizeof(real)), P = s.points();
  const ConvPieces pieces(s, bytes);
  void *columns;
  APF_TRY(apf_workspace(ctx, pieces.images * pieces.points * bytes, &columns));
  if (bias) {
    const unsigned grid = grid_for(ctx, B * O * P, THREADS);
    APF_TRY(APF_LAUNCH(ctx, conv2d_bias_kernel<real>, grid, THREADS, 0, B, O, P, bias, y));
  }
  return convolve<real>(ctx, s, pieces, x, w, bias ? 1 : 0, static_cast<real *>(columns), y);
}
APF_INSTANTIATE_REAL(conv2d_forward);

/** to[i][o][tap] = w[o][i][taps - 1 - tap] */
template <class real>
__global__ void conv2d_exchange_kernel(int64_t I, int64_t O, int64_t taps, const real *w, real *to)
{
  APF_GRID_LOOP(n, I * O * taps)
  {
    const int64_t tap = n % taps, o = n / taps % O, i = n / taps / O;
    store(to + n, load(w + (o * I + i) * taps + taps - 1 - tap));
  }
}

template <class real>
static apf_status input_backward(apf_context *ctx, const Convolution &s, const real *dy,
                                 const real *w, real *dx)
{
  const Convolution back = {s.B, s.O, s.I, s.H, s.W, s.KH, s.KW, s.D};
  const int64_t bytes = column_bytes(back, sizeof(real));
  const ConvPieces pieces(back, bytes);
  void *memory;
  APF_TRY(apf_workspace(ctx, pieces.images * pieces.points * bytes + s.weights() * sizeof(real),
                        &memory));
  real *columns = static_cast<real *>(memory);
  real *exchanged = columns + pieces.images * pieces.points * (bytes / sizeof(real));
  APF_TRY(APF_LAUNCH(ctx, conv2d_exchange_kernel<real>, grid_for(ctx, s.weights(), THREADS),
                     THREADS, 0, s.I, s.O, s.taps(), w, exchanged));
  return convolve<real>(ctx, back, pieces, dy, exchanged, 0, columns, dx);
}

/* --- the gradients of the parameters ------------------------------------------------------------
 */

/** Where a piece is several images, dy is gathered like X (with one tap), so that the points of all
 *  of them are one sum. */
template <class real>
static apf_status weights_backward(apf_context *ctx, const Convolution &s, const real *dy,
                                   const real *x, real *dw)
{
  const int64_t rows = s.I * s.taps(), P = s.points();
  const ConvPieces pieces(s, column_bytes(s, sizeof(real)));
  const int64_t most = pieces.images * pieces.points;
  void *memory;
  APF_TRY(apf_workspace(ctx, (rows + s.O) * most * sizeof(real), &memory));
  real *columns = static_cast<real *>(memory), *packed = columns + rows * most;
  for (int64_t i = 0; i < pieces.count; i++) {
    const ConvPiece piece = pieces[i];
    const int64_t points = piece.images * piece.points;
    const ConvGather of_x = {s.I, s.H, s.W, s.KH, s.KW, s.D, piece, points, piece.points};
    const ConvGather of_dy = {s.O, s.H, s.W, 1, 1, 1, piece, points, piece.points};
    const bool one = piece.images == 1;
    APF_TRY(gather(ctx, of_x, x, columns));
    if (!one) APF_TRY(gather(ctx, of_dy, dy, packed));
    Product p = {};
    p.rows = s.O, p.columns = rows, p.depth = points;
    p.b_transposed = true;
    p.a_row = one ? P : points, p.b_row = points, p.c_row = rows;
    p.batch = 1;
    const real *a = one ? dy + piece.image * s.O * P + piece.point : packed;
    APF_TRY(gemm<real>(ctx, p, a, columns, i == 0 ? 0 : 1, dw));
  }
  return APF_OK;
}

/** First over the points of each plane, then over the planes. */
template <class real>
static apf_status bias_backward(apf_context *ctx, const Convolution &s, const real *dy, real *dbias)
{
  const ColumnSums plane(s.B * s.O, s.points(), 1), batch(1, s.B, s.O);
  const int64_t planes = s.B * s.O;
  void *memory;
  APF_TRY(apf_workspace(ctx, (planes + std::max(plane.scratch(), batch.scratch())) * sizeof(double),
                        &memory));
  double *of_planes = static_cast<double *>(memory), *scratch = of_planes + planes;
  APF_TRY((column_sums<real, double>(ctx, plane, dy, scratch, 0, of_planes)));
  return column_sums<double, real>(ctx, batch, of_planes, scratch, 0, dbias);
}

template <class real>
apf_status conv2d_backward(apf_context *ctx, int64_t B, int64_t I, int64_t O, int64_t H, int64_t W,
                           int64_t KH, int64_t KW, int64_t D, const real *dy, const real *x,
                           const real *w, real *dx, real *dw, real *dbias)
{
  const Convolution s = {B, I, O, H, W, KH, KW, D};
  if (dx) APF_TRY(input_backward(ctx, s, dy, w, dx));
  if (dw) APF_TRY(weights_backward(ctx, s, dy, x, dw));
  if (dbias) APF_TRY(bias_backward(ctx, s, dy, dbias));
  return APF_OK;
}
APF_INSTANTIATE_REAL(conv2d_backward);

}  // namespace apf_cuda
