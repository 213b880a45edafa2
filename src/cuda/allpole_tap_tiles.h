/**
 * Tiles of allpole_taps_scan.cu: how long they are, what of them lies where in shared memory, and
 * what blocks do alike in both directions.
 */
#ifndef APF_CUDA_ALLPOLE_TAP_TILES_H
#define APF_CUDA_ALLPOLE_TAP_TILES_H

#include "cuda/allpole_tap_frames.h"
#include "cuda/allpole_tap_maps.h"

namespace apf_cuda {

/* --- what lies where -------------------------------------------------------------------------- */

/** A launch's tiles. */
struct TapLayout {
  int length, spans; /* samples of a tile, a multiple of whole blocks of all its spans; spans */
  int group;         /* tiles of a group */
  int stride;        /* scalars from one sample's coefficients to the next */
  bool past;         /* past outputs are needed */
  MapShape map;
};

/** A tile's arrays in shared memory. */
template <class S>
struct TapTile {
  S *a, *x, *past;
  S *maps, *window;     /* of its spans; of tiles before it */
  S *lines;             /* LINE scalars for each warp's recursion */
  S *state, *following; /* before the tile, and behind it */
};

enum { LINE = HISTORY + WARP, MOST_GROUPED = 8 };

/** As long as the alignment of what lies behind it. */
struct alignas(16) TapShared {
  uint32_t ticket;
  bool is_last;
};

__host__ __device__ inline size_t scalars_of(const TapLayout &in)
{
  const int past = in.past ? HISTORY + in.length : 0;
  return static_cast<size_t>(in.length * (in.stride + 1) + past +
                             (in.spans + in.group - 1) * in.map.size() + in.spans * LINE +
                             2 * HISTORY);
}

template <class S>
__device__ inline TapTile<S> tile_in(const TapLayout &in, S *memory)
{
  TapTile<S> at;
  at.a = memory;
  at.x = at.a + in.length * in.stride;
  at.past = at.x + in.length;
  at.maps = at.past + (in.past ? HISTORY + in.length : 0);
  at.window = at.maps + in.spans * in.map.size();
  at.lines = at.window + (in.group - 1) * in.map.size();
  at.state = at.lines + in.spans * LINE;
  at.following = at.state + HISTORY;
  return at;
}

/* --- layout of a launch ----------------------------------------------------------------------- */

/** Samples of the longest tile that fits, 0 if none does; `in` has all but the length. */
inline int longest_tile(const apf_context *ctx, size_t scalar_bytes, TapLayout in)
{
  const int step = in.spans * WARP;
  const size_t most = (device(ctx)->shared_bytes - sizeof(TapShared)) / scalar_bytes;
  for (in.length = step; scalars_of(in) <= most;) in.length += step;
  return in.length - step;
}

/**
 * As many spans as there are warps, unless their maps take more than a sixth of the room. Groups
 * are as large as leaves what tiles tell each other, a group's maps in writing and once for each
 * later tile of the group in reading, and a state each way, below a fiftieth of the arrays of the
 * forward filter: M + 2 scalars a sample, or 2 and hardly more where coefficients are frames.
 */
inline TapLayout lay_out(const apf_context *ctx, size_t scalar_bytes, int64_t order,
                         bool per_sample, bool past)
{
  const int M = static_cast<int>(order);
  TapLayout in = {0, SCAN_WARPS, MOST_GROUPED, row_stride(M), past, {M, row_stride(M + 1)}};
  const int64_t touched = per_sample ? M + 2 : 2;
  const size_t map_bytes = static_cast<size_t>(in.map.size()) * scalar_bytes;
  while (in.spans > 1 && static_cast<size_t>(in.spans) * map_bytes > device(ctx)->shared_bytes / 6)
    in.spans /= 2;
  for (;; in.group--) {
    in.length = longest_tile(ctx, scalar_bytes, in);
    const int64_t maps_told = (in.group - 1) * (in.group + 2) / 2;
    const int64_t told = maps_told * in.map.size() + 2 * M * in.group;
    if (in.group == 1 || 50 * told <= in.group * in.length * touched) return in;
  }
}

/** The chain's memory; maps only where there are groups. */
template <class S>
apf_status make_tap_chain(apf_context *ctx, int64_t B, int64_t T, const TapLayout &in, size_t more,
                          Chain<S> *chain, void **front)
{
  return make_chain(ctx, B, divide_up(T, in.length), in.map.M, in.group > 1 ? in.map.size() : 0,
                    more, chain, front);
}

/* --- a block's work --------------------------------------------------------------------------- */

/** Samples of a tile: begin .. end - 1. */
struct Samples {
  int begin, end;
};

/** Span k in time of a tile of n samples. */
__device__ inline Samples samples_of_span(const TapLayout &in, int n, int k)
{
  const int length = in.length / in.spans, begin = k * length;
  return {begin < n ? begin : n, begin + length < n ? begin + length : n};
}

__device__ inline int samples_from(int64_t T, int64_t t, int length)
{
  return static_cast<int>(T - t < length ? T - t : length);
}

/** Coefficients of n samples from t on; a: of the sequence. Copies begun before are complete, too.
 */
template <class S>
__device__ inline void load_coefficients(const Frames &frames, bool per_sample, const S *a,
                                         const TapLayout &in, int64_t t, int n, S *rows)
{
  const int M = in.map.M;
  if (per_sample) {
    load_cells<SCAN_THREADS>(n, M, a + t * M, in.stride, rows);
  } else {
    const int share = in.length / SCAN_WARPS, begin = warp_id() * share;
    const int count = n - begin < share ? n - begin : share;
    TapPair<S> pair = {a, -1, {}, {}};
    if (count > 0)
      interpolate_rows(frames, t + begin, count, M, in.stride, &pair, rows + begin * in.stride);
  }
  async_commit();
  async_wait<0>();
  __syncthreads();
}

/** The first warp's part between blocks: the state before the tile, and what the tile tells, which
 *  it does after its run where its map is not usable. */
template <class S>
__device__ inline void link_tile(const Chain<S> &chain, const ChainTile &tile, const TapLayout &in,
                                 bool usable, const S *initial, const TapTile<S> &at)
{
  const int M = in.map.M;
  const bool tells = usable && tile.rank + 1 < chain.tiles;
  const bool grouped = place_in_group(tile, in.group) + 1 < in.group;
  const S *map = at.maps + (in.spans - 1) * in.map.size();
  uint32_t *flag = chain.flags + tile.index;
  if (tells && grouped)
    publish_all(chain.maps + tile.index * in.map.size(), map, in.map.size(), flag, MAP);
  if (tile.rank > 0)
    state_before_tile(chain, tile, in.map, in.group, at.window, at.state);
  else
    for (int i = lane_id(); i < M; i += WARP) at.state[i] = load_or_zero(initial, i);
  if (!tells || grouped) return;
  for (int i = lane_id(); i < M; i += WARP) at.following[i] = at.state[i];
  __syncwarp();
  apply_map(in.map, map, at.following);
  publish_all(chain.states + tile.index * M, at.following, M, flag, STATE);
}

/** The state before span k, counted in the order of the recursion, by a warp. */
template <class S>
__device__ inline void state_before_span(const TapLayout &in, const TapTile<S> &at, int k, S *state)
{
  for (int i = lane_id(); i < in.map.M; i += WARP) state[i] = at.state[i];
  __syncwarp();
  if (k > 0) apply_map(in.map, at.maps + (k - 1) * in.map.size(), state);
}

/** The warp's samples: those of its span, or all for the first where maps are not usable. */
__device__ inline Samples samples_of_warp(const TapLayout &in, int n, bool usable, int span)
{
  if (usable && span >= 0 && span < in.spans) return samples_of_span(in, n, span);
  return {0, !usable && warp_id() == 0 ? n : 0};
}

}  // namespace apf_cuda

#endif
