/**
 * Affine maps, s_out = P s_in + q, of orders that no thread holds: a matrix of M rows lies in
 * shared memory, row i being P[i][0] .. P[i][M-1], q[i], and rows an odd number of scalars apart.
 *
 * A warp makes the map of a span of samples. Each lane carries one vector through the span in
 * registers, N >= M entries of which the last N - M stay zero: forward a row of P, from the span's
 * end (allpole_steps.h says why) and with its q on the way, backward a column of P, or q.
 *
 * Between blocks, G consecutive tiles of a sequence are a group. The last tile of a group tells the
 * state behind it, the others their map. So a tile waits for one state, that behind the group
 * before, and applies at most G - 1 maps to it in order; the first tile is a group of its own. Who
 * tells what depends on the data alone, therefore the rounding does not depend on timing, and what
 * tiles tell each other is bounded, which reading the maps of all tiles since the nearest known
 * state is not. A tile whose map is not usable tells its state, whatever its place.
 */
#ifndef APF_CUDA_ALLPOLE_TAP_MAPS_H
#define APF_CUDA_ALLPOLE_TAP_MAPS_H

#include "cuda/allpole_chain.h"
#include "cuda/allpole_tap_steps.h"

namespace apf_cuda {

enum { SCAN_WARPS = 8, SCAN_THREADS = SCAN_WARPS * WARP };

/** A matrix's place. */
struct MapShape {
  int M, stride; /* scalars from row to row */
  __host__ __device__ int size() const { return M * stride; }
};

/* --- of a span, by a warp ------------------------------------------------------------------ */

/** How the vectors are held: by PARTS neighbouring lanes, LENGTH entries each: a quarter of a
 *  lane's registers, since as many hold coefficients on their way. */
template <class S, int N>
struct Carried {
  static constexpr int PARTS = sizeof(S) * N > 512 ? 4 : sizeof(S) * N > 256 || N > 32 ? 2 : 1;
  static constexpr int LENGTH = N / PARTS;
  static constexpr int VECTORS = WARP / PARTS;                            /* of a warp */
  static constexpr int SURE = PARTS > 1 ? 0 : N > 32 ? N / 2 + 1 : N - 7; /* entries at least */
};

/** The lane's entries of one sample's coefficients. */
template <class S, int N>
__device__ inline void carried_coefficients(int M, const S *row, S (&c)[Carried<S, N>::LENGTH])
{
  using Of = Carried<S, N>;
  const int first = lane_id() % Of::PARTS * Of::LENGTH;
#pragma unroll
  for (int i = 0; i < Of::LENGTH; i++)
    c[i] = i < Of::SURE || first + i < M ? row[first + i] : make_scalar<S>(0);
}

/** The first entry of the lane's vector. */
template <class S, int N>
__device__ inline S head_of(const S (&s)[Carried<S, N>::LENGTH])
{
  constexpr int PARTS = Carried<S, N>::PARTS;
  if constexpr (PARTS == 1) return s[0];
  return shuffle(s[0], lane_id() / PARTS * PARTS);
}

/** s_i <- s_{i+1} - c_i d */
template <class S, int N>
__device__ inline void step_carried(const S (&c)[Carried<S, N>::LENGTH], S d,
                                    S (&s)[Carried<S, N>::LENGTH])
{
  constexpr int PARTS = Carried<S, N>::PARTS;
  S following = make_scalar<S>(0);
  if constexpr (PARTS > 1) {
    const S next = shuffle(s[0], (lane_id() + 1) % WARP);
    if (lane_id() % PARTS + 1 < PARTS) following = next;
  }
  shift_and_subtract(c, d, following, s);
}

/** Rows VECTORS batch .. of the forward map of `count` samples. */
template <int N, class S>
__device__ inline void forward_map_rows(const MapShape &shape, int batch, int count, const S *a,
                                        int stride, const S *x, S *map)
{
  using Of = Carried<S, N>;
  const int row = batch * Of::VECTORS + lane_id() / Of::PARTS;
  const int first = lane_id() % Of::PARTS * Of::LENGTH;
  S r[Of::LENGTH], q = make_scalar<S>(0);
#pragma unroll
  for (int i = 0; i < Of::LENGTH; i++) r[i] = make_scalar<S>(first + i == row);
  for (int t = count - 1; t >= 0; t--) {
    S c[Of::LENGTH];
    carried_coefficients<S, N>(shape.M, a + t * stride, c);
    const S head = head_of<S, N>(r);
    q = mul_add(head, x[t], q);
    step_carried<S, N>(c, head, r);
  }
  if (row >= shape.M) return;
#pragma unroll
  for (int i = 0; i < Of::LENGTH; i++)
    if (first + i < shape.M) map[row * shape.stride + first + i] = r[i];
  if (first == 0) map[row * shape.stride + shape.M] = q;
}

/** Columns VECTORS batch .. of the adjoint's map; column M is q. */
template <int N, class S>
__device__ inline void adjoint_map_columns(const MapShape &shape, int batch, int count, const S *a,
                                           int stride, const S *dy, S *map)
{
  using Of = Carried<S, N>;
  const int column = batch * Of::VECTORS + lane_id() / Of::PARTS;
  const int first = lane_id() % Of::PARTS * Of::LENGTH;
  const bool driven = column == shape.M;
  S s[Of::LENGTH];
#pragma unroll
  for (int i = 0; i < Of::LENGTH; i++) s[i] = make_scalar<S>(first + i == column && !driven);
  for (int t = count - 1; t >= 0; t--) {
    S c[Of::LENGTH];
    carried_coefficients<S, N>(shape.M, a + t * stride, c);
#pragma unroll
    for (int i = 0; i < Of::LENGTH; i++) c[i] = conj(c[i]);
    step_carried<S, N>(c, add(head_of<S, N>(s), driven ? dy[t] : make_scalar<S>(0)), s);
  }
  if (column > shape.M) return;
#pragma unroll
  for (int i = 0; i < Of::LENGTH; i++)
    if (first + i < shape.M) map[(first + i) * shape.stride + column] = s[i];
}

/* --- of a tile, by its block --------------------------------------------------------------- */

/** first, then `then`, in the place of the latter. A warp has whole rows. */
template <int N, class S>
__device__ inline void compose_in_place(const MapShape &shape, const S *first, S *then)
{
  constexpr int COLUMNS = N / WARP + 1; /* of a lane; q is one too */
  for (int i = warp_id(); i < shape.M; i += SCAN_WARPS) {
    S *row = then + i * shape.stride, sum[COLUMNS];
#pragma unroll
    for (int c = 0; c < COLUMNS; c++)
      sum[c] = lane_id() + c * WARP == shape.M ? row[shape.M] : make_scalar<S>(0);
#pragma unroll 4
    for (int k = 0; k < shape.M; k++) {
      const S p = row[k];
#pragma unroll
      for (int c = 0; c < COLUMNS; c++)
        if (lane_id() + c * WARP <= shape.M)
          sum[c] = mul_add(p, first[k * shape.stride + lane_id() + c * WARP], sum[c]);
    }
    __syncwarp();
#pragma unroll
    for (int c = 0; c < COLUMNS; c++)
      if (lane_id() + c * WARP <= shape.M) row[lane_id() + c * WARP] = sum[c];
  }
}

/** The maps of spans become those of all spans up to each. False: one of them overflows, or has
 *  weights that growth.h forbids. */
template <int N, class S>
__device__ inline bool compose_spans(const MapShape &shape, int spans, S *maps)
{
  for (int k = 1; k < spans; k++) {
    __syncthreads();
    compose_in_place<N>(shape, maps + (k - 1) * shape.size(), maps + k * shape.size());
  }
  __syncthreads();
  bool bounded = true;
  Real<S> zero = 0;
  for (int row = warp_id(); row < spans * shape.M; row += SCAN_WARPS)
    for (int m = lane_id(); m <= shape.M; m += WARP) {
      const S entry = maps[row * shape.stride + m];
      if (m < shape.M)
        bounded = bounded & is_bounded(entry);
      else
        zero = zero_if_finite(entry, zero);
    }
  return __syncthreads_and(bounded && zero == 0) != 0;
}

/** By a warp; the state is in shared memory. */
template <class S>
__device__ inline void apply_map(const MapShape &shape, const S *map, S *state)
{
  S next[TAPS];
  for (int k = 0; k < TAPS; k++) {
    const int i = lane_id() + k * WARP;
    if (i >= shape.M) break;
    const S *row = map + i * shape.stride;
    next[k] = row[shape.M];
#pragma unroll 4
    for (int m = 0; m < shape.M; m++) next[k] = mul_add(row[m], state[m], next[k]);
  }
  __syncwarp();
  for (int k = 0; k < TAPS; k++)
    if (lane_id() + k * WARP < shape.M) state[lane_id() + k * WARP] = next[k];
  __syncwarp();
}

/* --- between blocks: their first warps ----------------------------------------------------- */

/** A tile's place in its group of `group`, 0 first. */
__device__ inline int place_in_group(const ChainTile &tile, int group)
{
  return static_cast<int>((tile.rank + group - 1) % group);
}

template <class S>
__device__ inline void publish_all(S *to, const S *from, int count, uint32_t *flag, uint32_t what)
{
  for (int k = lane_id(); k < count; k += WARP) publish(to + k, from[k]);
  __syncwarp();
  if (lane_id() == 0) store_release(flag, what);
}

/** What the tile tells, once it does. */
template <class S>
__device__ inline uint32_t wait_for_tile(const Chain<S> &chain, int64_t index)
{
  uint32_t flag = NOTHING;
  if (lane_id() == 0)
    while ((flag = load_acquire(chain.flags + index)) == NOTHING) spin_wait();
  __syncwarp();
  return shuffle(flag, 0);
}

/** The state before a tile that is not its sequence's first. window: room for group - 1 maps, which
 *  are there before the state they wait for. */
template <class S>
__device__ inline void state_before_tile(const Chain<S> &chain, const ChainTile &tile,
                                         const MapShape &shape, int group, S *window, S *state)
{
  const int64_t first = tile.index - place_in_group(tile, group);
  int64_t known = first - 1;
  for (int64_t index = first; index < tile.index; index++) {
    if (wait_for_tile(chain, index) == STATE)
      known = index;
    else
      for (int k = lane_id(); k < shape.size(); k += WARP)
        window[(index - first) * shape.size() + k] = fetch(chain.maps + index * shape.size() + k);
  }
  wait_for_tile(chain, known);
  for (int i = lane_id(); i < shape.M; i += WARP)
    state[i] = fetch(chain.states + known * shape.M + i);
  __syncwarp();
  for (int64_t index = known + 1; index < tile.index; index++)
    apply_map(shape, window + (index - first) * shape.size(), state);
}

}  // namespace apf_cuda

#endif
