/**
 * States at the beginning of every span of a sequence, in one pass: each thread has the affine map
 * of its span; maps are composed within a warp, then within the block, whose tile publishes its own
 * map; the state before the tile comes from the tiles before it (decoupled look-back, Merrill and
 * Garland 2016), and the state behind it is published in turn.
 *
 * A state goes through the tiles' maps one after the other, s <- P s + q, whoever does it and from
 * whichever tile on: the rounding does not depend on timing. Composing the maps of several tiles
 * would be shorter, but in an order that changes from run to run.
 *
 * A tile with a map that is not usable (it overflows, or core/growth.h forbids it) publishes none.
 * It waits for the state before it and runs as one span; those behind it wait for its state.
 */
#ifndef APF_CUDA_ALLPOLE_CHAIN_H
#define APF_CUDA_ALLPOLE_CHAIN_H

#include "cuda/allpole_steps.h"
#include "cuda/scan.h"

namespace apf_cuda {

/** What the blocks of a launch share. Tiles are numbered so that all sequences' first ones come
 *  first, in the order in which blocks take them: nobody waits for a tile that has no block yet. */
template <class S>
struct Chain {
  uint32_t *ticket, *done, *flags; /* zero before and after the launch; flags: one a tile */
  int64_t B, tiles;                /* sequences; tiles of each */
  S *maps, *states;                /* of the tiles of one sequence after those of another */
};

/** The chain's memory: flags that are zero, and a workspace with `more` bytes in front. */
template <class S>
apf_status make_chain(apf_context *ctx, int64_t B, int64_t tiles, int64_t M, int map_scalars,
                      size_t more, Chain<S> *chain, void **front)
{
  const size_t blocks = static_cast<size_t>(B * tiles);
  const size_t maps = blocks * static_cast<size_t>(map_scalars);
  uint32_t *zero = nullptr;
  void *workspace = nullptr;
  APF_TRY(flags(ctx, blocks + 2, &zero));
  APF_TRY(
      apf_workspace(ctx, more + (maps + blocks * static_cast<size_t>(M)) * sizeof(S), &workspace));
  S *first = reinterpret_cast<S *>(static_cast<unsigned char *>(workspace) + more);
  *chain = {zero, zero + 1, zero + 2, B, tiles, first, first + maps};
  *front = workspace;
  return APF_OK;
}

enum ChainFlag : uint32_t { NOTHING, MAP, STATE };

/** Scalars of a map. */
template <int M>
inline constexpr int MAP_SIZE = M *(M + 1);

/** A tile of sequence b; rank counts them in the order of the recursion. */
struct ChainTile {
  int64_t b, rank, index; /* index: into the chain's arrays */
};

template <int M, class S, int WARPS>
struct ChainShared {
  uint32_t ticket;
  bool usable[WARPS], all_usable, is_last;
  AffineMap<M, S> warp[WARPS], tile[2];
  S before_warp[WARPS][M];
};

template <class S, class Shared>
__device__ inline ChainTile take_tile(const Chain<S> &chain, Shared *shared)
{
  if (threadIdx.x == 0) shared->ticket = take_ticket(chain.ticket);
  __syncthreads();
  const int64_t b = shared->ticket % chain.B, rank = shared->ticket / chain.B;
  return {b, rank, b * chain.tiles + rank};
}

/* --- within a warp ------------------------------------------------------------------------- */

/** The map of all lanes up to this one. */
template <int M, class S>
__device__ inline AffineMap<M, S> scan_warp(AffineMap<M, S> map)
{
#pragma unroll 1
  for (int delta = 1; delta < WARP; delta *= 2) {
    AffineMap<M, S> before;
#pragma unroll
    for (int i = 0; i < M; i++) {
      before.q[i] = shuffle_up(map.q[i], delta);
#pragma unroll
      for (int m = 0; m < M; m++) before.P[i][m] = shuffle_up(map.P[i][m], delta);
    }
    if (lane_id() >= delta) map = compose(before, map);
  }
  return map;
}

/* --- within a block: its first warp -------------------------------------------------------- */

/** Maps in shared memory, an entry a lane: out = first, then `then`. */
template <int M, class S>
__device__ inline void compose_by_lanes(const AffineMap<M, S> &first, const AffineMap<M, S> &then,
                                        AffineMap<M, S> *out)
{
  for (int e = lane_id(); e < M * (M + 1); e += WARP) {
    const int i = e / (M + 1), m = e % (M + 1);
    S sum = m < M ? make_scalar<S>(0) : then.q[i];
#pragma unroll
    for (int k = 0; k < M; k++)
      sum = mul_add(then.P[i][k], m < M ? first.P[k][m] : first.q[k], sum);
    (m < M ? out->P[i][m] : out->q[i]) = sum;
  }
  __syncwarp();
}

/** The map of the whole tile. */
template <int M, class S, int WARPS>
__device__ inline const AffineMap<M, S> &tile_map(ChainShared<M, S, WARPS> *shared)
{
  const AffineMap<M, S> *map = &shared->warp[0];
  for (int w = 1; w < WARPS; w++) {
    compose_by_lanes(*map, shared->warp[w], &shared->tile[w % 2]);
    map = &shared->tile[w % 2];
  }
  return *map;
}

/* --- between blocks: their first warps ----------------------------------------------------- */

/** By all lanes; the map is in shared memory. */
template <int M, class S>
__device__ inline void publish_map(const Chain<S> &chain, int64_t index, const AffineMap<M, S> &map)
{
  const S *entries = reinterpret_cast<const S *>(&map);
  for (int k = lane_id(); k < MAP_SIZE<M>; k += WARP)
    publish(chain.maps + index * MAP_SIZE<M> + k, entries[k]);
  __syncwarp();
  if (lane_id() == 0) store_release(chain.flags + index, MAP);
}

/** By one thread. */
template <int M, class S>
__device__ inline void publish_state(const Chain<S> &chain, int64_t index, const S (&state)[M])
{
#pragma unroll
  for (int i = 0; i < M; i++) publish(chain.states + index * M + i, state[i]);
  store_release(chain.flags + index, STATE);
}

/** How many tiles back a state is known, with maps known for all tiles since. */
template <class S>
__device__ inline int64_t wait_for_state(const Chain<S> &chain, const ChainTile &tile)
{
  for (int64_t seen = 0;;) {
    const int64_t back = seen + 1 + lane_id();
    const uint32_t flag =
        back <= tile.rank ? load_acquire(chain.flags + tile.index - back) : uint32_t(NOTHING);
    const unsigned states = __ballot_sync(ALL_LANES, flag == STATE);
    const unsigned missing = __ballot_sync(ALL_LANES, flag == NOTHING);
    const int nearest = states ? __ffs(static_cast<int>(states)) : WARP + 1;
    const int first_missing = missing ? __ffs(static_cast<int>(missing)) : WARP + 1;
    if (nearest < first_missing) return seen + nearest;
    if (missing) spin_wait();
    seen = missing ? 0 : seen + WARP;
  }
}

/** The state before the tile, which is not its sequence's first. window: room for WARP maps. */
template <int M, class S>
__device__ inline void look_back(const Chain<S> &chain, const ChainTile &tile,
                                 AffineMap<M, S> *window, S (&state)[M])
{
  const int64_t back = wait_for_state(chain, tile);
  __syncwarp();
#pragma unroll
  for (int i = 0; i < M; i++) state[i] = fetch(chain.states + (tile.index - back) * M + i);
  for (int64_t left = back - 1; left > 0; left -= WARP) {
    const int count = left < WARP ? static_cast<int>(left) : WARP;
    const S *maps = chain.maps + (tile.index - left) * MAP_SIZE<M>;
    for (int k = lane_id(); k < count * MAP_SIZE<M>; k += WARP)
      reinterpret_cast<S *>(window)[k] = fetch(maps + k);
    __syncwarp();
    for (int k = 0; k < count; k++) apply(window[k], state);
    __syncwarp();
  }
}

/* --- all of it ----------------------------------------------------------------------------- */

template <int M, class S>
__device__ inline void copy_state(const S (&from)[M], S (&to)[M])
{
#pragma unroll
  for (int i = 0; i < M; i++) to[i] = from[i];
}

/** The first warp's part: the states before every warp, from the maps of the warps. */
template <int M, class S, int WARPS>
__device__ inline void link_tile(const Chain<S> &chain, const ChainTile &tile, const S *initial,
                                 AffineMap<M, S> *window, ChainShared<M, S, WARPS> *shared)
{
  bool usable = true;
  for (int w = 0; w < WARPS; w++) usable = usable && shared->usable[w];
  const AffineMap<M, S> &map = tile_map(shared);
  usable = usable && is_usable(map);
  if (usable && tile.rank > 0) publish_map(chain, tile.index, map);
  S state[M];
  if (tile.rank > 0)
    look_back(chain, tile, window, state);
  else
#pragma unroll
    for (int i = 0; i < M; i++)
      state[i] = initial ? load(initial + tile.b * M + i) : make_scalar<S>(0);
  if (lane_id() > 0) return;
  shared->all_usable = usable;
  copy_state(state, shared->before_warp[0]);
  if (!usable) return;
  S behind[M];
  copy_state(state, behind);
  apply(map, behind);
  publish_state(chain, tile.index, behind);
  for (int w = 1; w < WARPS; w++) {
    apply(shared->warp[w - 1], state);
    copy_state(state, shared->before_warp[w]);
  }
}

/**
 * From the map of each thread's span, threads being in the order of the recursion, the state before
 * its span. False: a map is not usable, only the first thread's state is right, and it has to run
 * all spans and publish the state behind them.
 */
template <int M, class S, int WARPS>
__device__ inline bool states_before_spans(const Chain<S> &chain, const ChainTile &tile,
                                           const S *initial, const AffineMap<M, S> &span,
                                           AffineMap<M, S> *window,
                                           ChainShared<M, S, WARPS> *shared, S (&state)[M])
{
  const AffineMap<M, S> map = scan_warp(span);
  const bool usable = __all_sync(ALL_LANES, is_usable(map));
  if (lane_id() == WARP - 1) shared->warp[warp_id()] = map;
  if (lane_id() == 0) shared->usable[warp_id()] = usable;
  __syncthreads();
  if (warp_id() == 0) link_tile(chain, tile, initial, window, shared);
  __syncthreads();
  copy_state(shared->before_warp[warp_id()], state);
  if (!shared->all_usable) return false;
  S behind[M];
  copy_state(state, behind);
  apply(map, behind);
#pragma unroll
  for (int i = 0; i < M; i++) {
    const S before = shuffle_up(behind[i], 1);
    if (lane_id() > 0) state[i] = before;
  }
  return true;
}

/** The last block to come here leaves ticket, done and flags zero. */
template <class S, class Shared>
__device__ inline void leave_chain(const Chain<S> &chain, Shared *shared)
{
  __syncthreads();
  const uint32_t blocks = gridDim.x;
  if (threadIdx.x == 0) shared->is_last = take_ticket(chain.done) == blocks - 1;
  __syncthreads();
  if (!shared->is_last) return;
  for (uint32_t k = threadIdx.x; k < blocks; k += blockDim.x) store(chain.flags + k, 0u);
  if (threadIdx.x == 0) {
    store(chain.ticket, 0u);
    store(chain.done, 0u);
  }
}

}  // namespace apf_cuda

#endif
