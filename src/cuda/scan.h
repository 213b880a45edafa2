/**
 * Parallel scans of maps: what recursions are, once what a sample does to the state is a map
 * that can be composed with that of the next sample.
 *
 * A map type M has
 *   M::State                     what it maps
 *   M::identity()
 *   State M::operator()(State)   the state after, from the state before
 *   M then(M first, M second)    first, followed by second
 * and consists of 4-byte words. Affine and Sums below are the maps of first-order recurrences and
 * of running sums.
 *
 * Sequences lie one behind the other in one scan. Where one begins the state is known, so what lies
 * before does not count: a map from there on is `fresh`, which means that only its value at rest,
 * M()(State()), counts. Nothing is ever multiplied by zero to forget it: NaN and infinity stay in
 * their sequence.
 *
 * Between the tiles of blocks runs a decoupled look-back (Merrill and Garland, 2016), arranged such
 * that its timing does not show in the result: maps of tiles are never composed but applied to a
 * state, one after the other, from whichever tile's end state is known already; and that state came
 * about by the same operations.
 */
#ifndef APF_CUDA_SCAN_H
#define APF_CUDA_SCAN_H

#include "cuda/complex.h"

#include <cstring>

namespace apf_cuda {

enum : unsigned { ALL_LANES = 0xffffffffu };
enum { WARP = 32 };

__device__ inline int lane_id()
{
  return static_cast<int>(threadIdx.x) % WARP;
}
__device__ inline int warp_id()
{
  return static_cast<int>(threadIdx.x) / WARP;
}

/* --- types of several words ------------------------------------------------------------------- */

template <class T, class Move>
__device__ inline T move_words(const T &value, Move move)
{
  static_assert(sizeof(T) % sizeof(unsigned) == 0);
  enum { WORDS = sizeof(T) / sizeof(unsigned) };
  unsigned words[WORDS];
  memcpy(words, &value, sizeof(T));
#pragma unroll
  for (int i = 0; i < WORDS; i++) words[i] = move(words[i]);
  T moved;
  memcpy(&moved, words, sizeof(T));
  return moved;
}

/** The value of another lane; of the lane `by` before (lanes without one keep theirs). */
template <class T>
__device__ inline T shuffle(const T &value, int lane)
{
  return move_words(value, [=](unsigned w) { return __shfl_sync(ALL_LANES, w, lane); });
}
template <class T>
__device__ inline T shuffle_up(const T &value, int by)
{
  return move_words(value, [=](unsigned w) { return __shfl_up_sync(ALL_LANES, w, by); });
}

/** For other blocks, before a store_release; and from them, after a load_acquire. Types whose size
 *  is a multiple of 8 are aligned to 8. */
template <class T>
__device__ inline void publish(T *to, const T &value)
{
  using Word = std::conditional_t<sizeof(T) % sizeof(uint64_t) == 0, uint64_t, uint32_t>;
  enum { WORDS = sizeof(T) / sizeof(Word) };
  Word words[WORDS];
  memcpy(words, &value, sizeof(T));
#pragma unroll
  for (int i = 0; i < WORDS; i++) store_relaxed(reinterpret_cast<Word *>(to) + i, words[i]);
}
template <class T>
__device__ inline T fetch(const T *from)
{
  using Word = std::conditional_t<sizeof(T) % sizeof(uint64_t) == 0, uint64_t, uint32_t>;
  enum { WORDS = sizeof(T) / sizeof(Word) };
  Word words[WORDS];
#pragma unroll
  for (int i = 0; i < WORDS; i++) words[i] = load_relaxed(reinterpret_cast<const Word *>(from) + i);
  T value;
  memcpy(&value, words, sizeof(T));
  return value;
}

/* --- maps ------------------------------------------------------------------------------------- */

/** v -> gain v + offset */
template <class S>
struct Affine {
  using State = S;
  S gain, offset;

  static __device__ Affine identity() { return {make_scalar<S>(1), make_scalar<S>(0)}; }
  __device__ S operator()(S v) const { return mul_add(gain, v, offset); }
};

template <class S>
__device__ inline Affine<S> then(const Affine<S> &first, const Affine<S> &second)
{
  return {mul(second.gain, first.gain), second(first.offset)};
}

/** v -> v + sum, N numbers at once */
template <int N>
struct Sums {
  using State = Sums;
  double sum[N];

  static __device__ Sums identity() { return {}; }
  __device__ Sums operator()(const Sums &v) const { return then(v, *this); }
};

template <int N>
__device__ inline Sums<N> then(const Sums<N> &first, const Sums<N> &second)
{
  Sums<N> total;
#pragma unroll
  for (int i = 0; i < N; i++) total.sum[i] = first.sum[i] + second.sum[i];
  return total;
}

/** A map that may be fresh. */
template <class Map>
struct Segment {
  Map map;
  bool fresh;

  __device__ typename Map::State operator()(const typename Map::State &before) const
  {
    return map(fresh ? typename Map::State{} : before);
  }
};

template <class Map>
__device__ inline Segment<Map> then(const Segment<Map> &first, const Segment<Map> &second)
{
  if (second.fresh) return second;
  return {then(first.map, second.map), first.fresh};
}

/* --- within a warp ---------------------------------------------------------------------------- */

template <class Map>
struct WarpScan {
  Segment<Map> before; /**< of the lanes before mine */
  Segment<Map> total;  /**< of all lanes, in every lane */
};

/** Maps of consecutive samples, one or several a lane, in lane order. */
template <class Map>
__device__ inline WarpScan<Map> scan_warp(const Segment<Map> &mine)
{
  const unsigned lane = threadIdx.x % WARP;
  const unsigned fresh = __ballot_sync(ALL_LANES, mine.fresh);
  const unsigned until_me = fresh & (ALL_LANES >> (WARP - 1 - lane));
  /* How many lanes before this one count. */
  const unsigned reach = until_me ? lane - (WARP - 1 - __clz(until_me)) : lane;
  Map all = mine.map;
#pragma unroll
  for (unsigned by = 1; by < WARP; by *= 2) {
    const Map earlier = shuffle_up(all, by);
    if (reach >= by) all = then(earlier, all);
  }
  WarpScan<Map> scan;
  scan.total = {shuffle(all, WARP - 1), fresh != 0};
  scan.before = {shuffle_up(all, 1), (fresh & ((1u << lane) - 1)) != 0};
  if (lane == 0) scan.before.map = Map::identity();
  return scan;
}

/* --- within a block --------------------------------------------------------------------------- */

template <class Map, int WARPS>
struct BlockScanShared {
  Segment<Map> totals[WARPS];
  typename Map::State before;
};

/** A block's scan in two steps, since between them other blocks may have to be asked. */
template <class Map, int WARPS>
struct BlockScan {
  BlockScanShared<Map, WARPS> &shared;

  /** Every warp's total goes in; the block's comes out, in the first warp only. */
  __device__ Segment<Map> combine(const Segment<Map> &warp_total)
  {
    const unsigned lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    if (lane == 0) shared.totals[warp] = warp_total;
    __syncthreads();
    Segment<Map> total = {Map::identity(), false};
    if (warp > 0) return total;
    if (lane < WARPS) total = shared.totals[lane];
    return scan_warp(total).total;
  }

  /** The first thread knows the state before the block; every warp gets the state before itself. */
  __device__ typename Map::State distribute(const typename Map::State &before)
  {
    const unsigned warp = threadIdx.x / WARP;
    if (threadIdx.x == 0) shared.before = before;
    __syncthreads();
    typename Map::State state = shared.before;
    for (unsigned w = 0; w < warp; w++) state = shared.totals[w](state);
    return state;
  }
};

/* --- between blocks --------------------------------------------------------------------------- */

/** A block's turn: blocks take tiles in the order in which they start, so that all earlier tiles
 * are under way. */
struct Turn {
  uint32_t tile;
  bool last; /**< all other blocks have done what they wait for each other for */
};

/** Every thread of the block gets its tile. */
__device__ inline uint32_t take_tile(uint32_t *counter, Turn &shared)
{
  if (threadIdx.x == 0) shared.tile = take_ticket(counter);
  __syncthreads();
  return shared.tile;
}

/** By the first warp, when the block will read no flag and set none any more. */
__device__ inline void leave(uint32_t *counter, Turn &shared)
{
  __syncwarp();
  if (threadIdx.x == 0) shared.last = take_ticket(counter) + 1 == gridDim.x;
}

/** At least one barrier after leave(): the last block clears the flags. */
__device__ inline void clear_flags(uint32_t *flags, int64_t count, const Turn &shared)
{
  if (!shared.last) return;
  for (int64_t i = threadIdx.x; i < count; i += blockDim.x) store(flags + i, uint32_t(0));
}

/** What tiles tell each other, an entry a tile. The first tile must be fresh. */
template <class Map>
struct LookBack {
  using State = typename Map::State;
  enum : uint32_t { NOTHING, MAP, STATE }; /* what is known of a tile */
  uint32_t *known;
  Map *maps;
  State *states;
  uint32_t *left; /* the counter of leave(); NULL where the block goes on to look back elsewhere */

  __device__ void publish_state(int64_t tile, const State &after) const
  {
    publish(states + tile, after);
    store_release(known + tile, STATE);
  }

  __device__ uint32_t wait_for(int64_t tile) const
  {
    uint32_t what;
    while ((what = load_acquire(known + tile)) == NOTHING) spin_wait();
    return what;
  }

  /** The state before a tile. All lanes of a warp take part; lanes are tiles, the last the latest.
   */
  __device__ State state_before(int64_t tile) const
  {
    const int lane = threadIdx.x % WARP;
    int64_t end = tile;
    unsigned with_state;
    for (;; end -= WARP) {
      const int64_t t = end - WARP + lane;
      const uint32_t what = t < 0 ? NOTHING : wait_for(t);
      with_state = __ballot_sync(ALL_LANES, what == STATE);
      if (with_state) break;
    }
    int from = WARP - 1 - __clz(with_state);
    State state = {};
    if (lane == from) state = fetch(states + end - WARP + lane);
    state = shuffle(state, from);
    for (;; end += WARP, from = -1) {
      const int64_t t = end - WARP + lane;
      Map map = Map::identity();
      if (lane > from && wait_for(t)) map = fetch(maps + t);
#pragma unroll 4
      for (int i = 0; i < WARP; i++) {
        const State after = shuffle(map, i)(state);
        if (i > from) state = after;
      }
      if (end == tile) return state;
    }
  }

  /** Publishes what the tile does; returns the state before it, if that matters. By all lanes of
   *  the first warp. */
  __device__ State pass(int64_t tile, const Segment<Map> &total, bool needs_before) const
  {
    const int lane = threadIdx.x % WARP;
    if (lane == 0 && total.fresh) publish_state(tile, total({}));
    if (lane == 0 && !total.fresh) {
      publish(maps + tile, total.map);
      store_release(known + tile, MAP);
    }
    if (!needs_before) return {};
    const State before = state_before(tile);
    if (lane == 0 && !total.fresh) publish_state(tile, total(before));
    return before;
  }
};

}  // namespace apf_cuda

#endif
