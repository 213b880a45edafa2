/**
 * Sums over some axes of an array whose elements ("terms") are computed on the fly: what reduce_sum
 * and the backward of map_binary share.
 *
 * A block is a tile of `outputs` results times `lanes` threads that share the terms of each. Where
 * the last axis is summed, neighbouring threads take neighbouring terms of one result, else those
 * of neighbouring results: either way a warp reads neighbouring elements. Few results of many terms
 * are cut into chunks, a block each; the last block of a tile to finish adds the chunks up. All in
 * double, in an order that depends on the sizes alone.
 */
#ifndef APF_CUDA_AXES_SUM_H
#define APF_CUDA_AXES_SUM_H

#include "cuda/axes.h"
#include "cuda/blocks.h"
#include "cuda/reduce.h"

namespace apf_cuda {

enum { SUM_THREADS = 256 };

template <class Index, int ARRAYS>
struct AxesSum {
  Walk<Index, ARRAYS> kept_axes, summed_axes;
  int64_t kept, summed, tiles, chunks;
  int lanes, outputs; /**< powers of two, their product SUM_THREADS */
  bool lanes_first;   /**< neighbouring threads share a result */
  double scale;       /**< of the results */
  double *partial;    /**< (chunks, kept); not used where there is one chunk */
  uint32_t *finished; /**< chunks of each tile that are done */
};

/** Which of a tile's numbers a thread has. */
struct TilePlace {
  int lane, output;
};

template <class Sum>
__device__ inline TilePlace place_in_tile(const Sum &s)
{
  const int thread = threadIdx.x;
  if (s.lanes_first) return {thread % s.lanes, thread / s.lanes};
  return {thread / s.outputs, thread % s.outputs};
}

/** Adds the lanes of each output by halves; lane 0 has the sum. */
template <class Sum>
__device__ inline double add_lanes(const Sum &s, TilePlace place, double v)
{
  APF_SHARED(tile, Table<double, SUM_THREADS>);
  const int at = place.lane * s.outputs + place.output;
  __syncthreads(); /* sums of the tile before have been read */
  tile[at] = v;
  for (int half = s.lanes / 2; half > 0; half /= 2) {
    __syncthreads();
    if (place.lane < half) tile[at] += tile[at + half * s.outputs];
  }
  return tile[at];
}

/** One thread's part of a chunk. */
template <class Index, int ARRAYS, class Term>
__device__ inline double sum_terms(const AxesSum<Index, ARRAYS> &s, const Term &term,
                                   int64_t output, int64_t chunk, int lane)
{
  const Offsets<ARRAYS> base = s.kept_axes.at(static_cast<Index>(output));
  const int64_t end = s.summed * (chunk + 1) / s.chunks;
  double sum = 0;
  for (int64_t i = s.summed * chunk / s.chunks + lane; i < end; i += s.lanes) {
    Offsets<ARRAYS> at = s.summed_axes.at(static_cast<Index>(i));
    for (int k = 0; k < ARRAYS; k++) at.of[k] += base.of[k];
    sum += term(at);
  }
  return sum;
}

/** Publishes a chunk's sums; true for the tile's last block, which then has the sums of all. */
template <class Sum>
__device__ inline bool finish_tile(const Sum &s, TilePlace place, int64_t tile, int64_t chunk,
                                   int64_t output, double *sum)
{
  if (s.chunks == 1) return true;
  APF_SHARED(last, bool);
  const bool real_output = output < s.kept;
  if (place.lane == 0 && real_output) store_relaxed(s.partial + chunk * s.kept + output, *sum);
  __syncthreads(); /* the whole block has stored: the ticket publishes that */
  if (threadIdx.x == 0) last = take_ticket(s.finished + tile) + 1 == s.chunks;
  __syncthreads();
  if (!last) return false;
  *sum = 0;
  for (int64_t c = place.lane; c < s.chunks && real_output; c += s.lanes)
    *sum += load_relaxed(s.partial + c * s.kept + output);
  *sum = add_lanes(s, place, *sum);
  if (threadIdx.x == 0) store_relaxed(s.finished + tile, 0u);
  return true;
}

template <class real, class Index, int ARRAYS, class Term>
__global__ void axes_sum_kernel(AxesSum<Index, ARRAYS> s, Term term, real *out)
{
  const TilePlace place = place_in_tile(s);
  APF_BLOCK_LOOP(item, s.tiles * s.chunks)
  {
    const int64_t tile = item / s.chunks, chunk = item % s.chunks;
    const int64_t output = tile * s.outputs + place.output;
    double sum = output < s.kept ? sum_terms(s, term, output, chunk, place.lane) : 0;
    sum = add_lanes(s, place, sum);
    if (finish_tile(s, place, tile, chunk, output, &sum) && place.lane == 0 && output < s.kept)
      store(out + output, static_cast<real>(s.scale * sum));
    __syncthreads(); /* before the next tile's `last` */
  }
}

/* --- on the host ------------------------------------------------------------------------------ */

inline int power_of_two_up_to(int64_t n, int most)
{
  int power = 1;
  while (power < most && 2 * power <= n) power *= 2;
  return power;
}

/** Chooses the tile's shape and the chunks. */
template <class Sum>
void shape_sum(Sum *s)
{
  enum { WIDE = 32, MANY = 1 << 16, TERMS = 16, BLOCKS = 1024 };
  if (s->lanes_first) {
    s->lanes = power_of_two_up_to(s->summed / 4, SUM_THREADS);
  } else {
    const int wide = s->kept >= MANY ? SUM_THREADS : power_of_two_up_to(2 * s->kept - 1, WIDE);
    s->lanes = power_of_two_up_to(s->summed, SUM_THREADS / wide);
  }
  s->outputs = SUM_THREADS / s->lanes;
  s->tiles = divide_up(s->kept, s->outputs);
  const int64_t by_terms = s->summed / (s->lanes * TERMS), by_blocks = BLOCKS / s->tiles;
  const int64_t chunks = by_terms < by_blocks ? by_terms : by_blocks;
  s->chunks = chunks < 1 ? 1 : chunks;
}

/** What is summed: axes of `size`, kept where out_size is not 1, and each array's strides. */
template <int ARRAYS>
struct Summation {
  int dims;
  const int64_t *size, *out_size;
  int64_t strides[ARRAYS][APF_STRIDE_DIMS];
  double scale;
};

/** A walk along those axes that are summed, or those that are kept. */
template <class Index, int ARRAYS>
Walk<Index, ARRAYS> walk_some(const Summation<ARRAYS> &what, bool summed)
{
  int dims = 0;
  int64_t size[APF_STRIDE_DIMS] = {}, strides[ARRAYS][APF_STRIDE_DIMS] = {};
  for (int d = 0; d < what.dims; d++) {
    if ((what.out_size[d] == 1) != summed) continue;
    size[dims] = what.size[d];
    for (int k = 0; k < ARRAYS; k++) strides[k][dims] = what.strides[k][d];
    dims++;
  }
  return new_walk<Index>(dims, size, strides);
}

template <class real, class Index, int ARRAYS, class Term>
apf_status run_axes_sum(apf_context *ctx, const Summation<ARRAYS> &what, Term term, real *out)
{
  AxesSum<Index, ARRAYS> s = {};
  s.kept_axes = walk_some<Index>(what, false);
  s.summed_axes = walk_some<Index>(what, true);
  s.kept = count_of(what.dims, what.out_size);
  s.summed = count_of(what.dims, what.size) / s.kept;
  s.lanes_first = what.out_size[what.dims - 1] == 1;
  s.scale = what.scale;
  shape_sum(&s);
  if (s.chunks > 1) {
    void *memory = nullptr;
    APF_TRY(apf_workspace(ctx, static_cast<size_t>(s.chunks * s.kept) * sizeof(double), &memory));
    s.partial = static_cast<double *>(memory);
    APF_TRY(flags(ctx, static_cast<size_t>(s.tiles), &s.finished));
  }
  return APF_LAUNCH(ctx, (axes_sum_kernel<real, Index, ARRAYS, Term>),
                    block_each(s.tiles * s.chunks), SUM_THREADS, 0, s, term, out);
}

/** out = scale * sums of term(offsets of the arrays); a term is what a __device__ operator() gives.
 *  Axes must be merged, and their sizes not 0. */
template <class real, int ARRAYS, class Term>
apf_status axes_sum(apf_context *ctx, const Summation<ARRAYS> &what, Term term, real *out)
{
  return is_short(count_of(what.dims, what.size))
             ? run_axes_sum<real, uint32_t>(ctx, what, term, out)
             : run_axes_sum<real, int64_t>(ctx, what, term, out);
}

}  // namespace apf_cuda

#endif
