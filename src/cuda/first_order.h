/**
 * First-order recurrences along time, of any kind: one launch, one pass over memory.
 *
 * The sequences of an array (B, T) lie one behind the other, and so they are scanned: B T samples,
 * among which the state is set anew wherever a sequence begins. Short and long sequences are the
 * same thing, and packs of 16 bytes stay aligned whatever T is. A block takes a tile, a warp a part
 * of it, and a lane PACKS packs, which are a warp's width apart, so that a warp always reads and
 * writes 512 bytes in a row. Lanes compose the maps of their samples, warps and blocks scan them,
 * tiles look back (scan.h); then every lane runs the recurrence over its samples.
 * In reverse time ranks are counted from the end.
 *
 * What is computed is a Rule:
 *   Rule::Signal    the arrays' type
 *   Rule::Map       Affine<S>
 *   Rule::REVERSE   whether time runs backwards
 *   Rule::BLOCKS    how many blocks a multiprocessor holds, if registers are to suffice
 *   Rule::SUMS      how many sums over each sequence are wanted; 0 to have none
 *   Rule::Values    what a thread keeps of its samples
 *   load(tile, &values)                    reads the samples
 *   map(values, j, v)                      what sample v of pack j does to the state
 *   start(row)                             the state before a sequence
 *   step(&values, j, v, before)            computes the outputs; returns the state after
 *   finish(row, after)                     takes the state after a sequence
 *   store(tile, values)                    writes the outputs
 *   term(values, j, v)                     what the sample adds to the sums
 *   finish_sums(row, sums)                 takes the sums of a sequence
 */
#ifndef APF_CUDA_FIRST_ORDER_H
#define APF_CUDA_FIRST_ORDER_H

#include "cuda/scan.h"

namespace apf_cuda {

enum { SCAN_THREADS = 256, SCAN_WARPS = SCAN_THREADS / WARP, SCAN_PACKS = 2 };

/* --- where the samples of a thread lie -------------------------------------------------------- */

/** Sizes of a scan, and the flags and entries through which its tiles talk. */
template <class Map, int SUMS>
struct ScanPlan {
  int64_t n, T, tiles;
  bool aligned; /* all arrays to 16 bytes */
  uint32_t *tickets, *flags;
  int64_t flag_count;
  LookBack<Map> states;
  LookBack<Sums<(SUMS > 0 ? SUMS : 1)>> sums; /* unused without sums */
};

template <class S, bool REVERSE>
struct ScanTile {
  enum { V = 16 / static_cast<int>(sizeof(S)), ITEMS = SCAN_PACKS * V };
  enum { SIZE = SCAN_THREADS * ITEMS };
  using Values = Pack<S, V>;

  int64_t begin, n, T;
  int64_t row, t; /* of `begin` */
  bool aligned;
  /* Bit j V + v: sample v of pack j exists; is the first, the last of its sequence as time runs. */
  unsigned exists, starts, ends;

  template <class Plan>
  __device__ ScanTile(const Plan &plan, int64_t turn)
  {
    n = plan.n, T = plan.T, aligned = plan.aligned;
    begin = (REVERSE ? plan.tiles - 1 - turn : turn) * SIZE;
    row = begin / T;
    t = begin - row * T;
    exists = starts = ends = 0;
    for (int j = 0; j < SCAN_PACKS; j++) {
      for (int v = 0; v < V; v++) {
        const unsigned bit = 1u << (j * V + v);
        const int64_t time = t_of(j, v);
        if (index(j) + v < n) exists |= bit;
        if (time == (REVERSE ? T - 1 : 0)) starts |= bit;
        if (time == (REVERSE ? 0 : T - 1)) ends |= bit;
      }
    }
  }

  /** Offset of this thread's pack j in the tile. */
  __device__ int offset(int j) const
  {
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    const int rank = ((warp * SCAN_PACKS + j) * WARP + lane) * V;
    return REVERSE ? SIZE - V - rank : rank;
  }
  __device__ int64_t index(int j) const { return begin + offset(j); }

  /** Sequences that end between the tile's beginning and a sample. Where these are shorter than a
   *  tile the numbers are small, and otherwise nothing is divided. */
  __device__ unsigned rows_before(int j, int v) const
  {
    const int64_t time = t + offset(j) + v;
    if (T >= SIZE) return time >= T;
    return static_cast<unsigned>(time) / static_cast<unsigned>(T);
  }
  __device__ int64_t t_of(int j, int v) const { return t + offset(j) + v - rows_before(j, v) * T; }
  __device__ int64_t row_of(int j, int v) const { return (index(j) + v) / T; }

  /** The first sample of the tile, as time runs, begins no sequence. */
  __device__ bool continues() const
  {
    const int64_t first = REVERSE ? begin + SIZE : begin;
    return first < n && first % T != 0;
  }

  static __device__ bool has(unsigned bits, int j, int v) { return bits >> (j * V + v) & 1; }

  /** Zeros where there is no array, and beyond its end. */
  __device__ void load(const S *array, Values (&out)[SCAN_PACKS]) const
  {
#pragma unroll
    for (int j = 0; j < SCAN_PACKS; j++) {
      out[j] = {};
      if (!array) continue;
      const int64_t i = index(j);
      if (aligned && i + V <= n) {
        out[j] = load_once(reinterpret_cast<const Values *>(array + i));
        continue;
      }
#pragma unroll
      for (int v = 0; v < V; v++)
        if (i + v < n) out[j].v[v] = apf_cuda::load(array + i + v);
    }
  }

  __device__ void store(S *array, const Values (&values)[SCAN_PACKS]) const
  {
    if (!array) return;
#pragma unroll
    for (int j = 0; j < SCAN_PACKS; j++) {
      const int64_t i = index(j);
      if (aligned && i + V <= n) {
        store_once(reinterpret_cast<Values *>(array + i), values[j]);
        continue;
      }
#pragma unroll
      for (int v = 0; v < V; v++)
        if (i + v < n) apf_cuda::store(array + i + v, values[j].v[v]);
    }
  }

  /** One value a sequence. */
  __device__ void load_rows(const S *array, Values (&out)[SCAN_PACKS]) const
  {
#pragma unroll
    for (int j = 0; j < SCAN_PACKS; j++) {
#pragma unroll
      for (int v = 0; v < V; v++) {
        const bool repeats = v > 0 && !has(REVERSE ? ends : starts, j, v);
        out[j].v[v] = make_scalar<S>(0);
        if (repeats)
          out[j].v[v] = out[j].v[v - 1];
        else if (has(exists, j, v))
          out[j].v[v] = apf_cuda::load(array + row_of(j, v));
      }
    }
  }

  /** Of every sample y[t-1], which for the first is `initial` of its sequence, or zero. `loaded` is
   *  y; most values come from it. */
  __device__ void load_before(const S *y, const S *initial, const Values (&loaded)[SCAN_PACKS],
                              Values (&out)[SCAN_PACKS]) const
  {
    /* The lane that is the earliest in memory reads beyond the warp's part. */
    const int lane = threadIdx.x % WARP, edge = REVERSE ? WARP - 1 : 0;
    const int64_t first = index(REVERSE ? SCAN_PACKS - 1 : 0);
    S beyond = make_scalar<S>(0);
    if (lane == edge && first > 0 && first < n) beyond = apf_cuda::load(y + first - 1);
#pragma unroll
    for (int k = 0; k < SCAN_PACKS; k++) {
      const int j = REVERSE ? SCAN_PACKS - 1 - k : k;
      const S last = loaded[j].v[V - 1];
      const S neighbour = shuffle(last, REVERSE ? lane + 1 : lane + WARP - 1);
      out[j].v[0] = lane == edge ? beyond : neighbour;
      beyond = shuffle(last, WARP - 1 - edge);
#pragma unroll
      for (int v = 0; v < V; v++) {
        if (v > 0) out[j].v[v] = loaded[j].v[v - 1];
        if (has(REVERSE ? ends : starts, j, v) && has(exists, j, v))
          out[j].v[v] = initial ? apf_cuda::load(initial + row_of(j, v)) : make_scalar<S>(0);
      }
    }
  }
};

/* --- the kernel ------------------------------------------------------------------------------- */

template <class Map>
using PackMaps = Segment<Map>[SCAN_PACKS];
template <class Map>
using PackStates = typename Map::State[SCAN_PACKS];

/** From the maps of this thread's packs to the state before each of them. */
template <class Map>
__device__ inline void scan_packs(const PackMaps<Map> &mine,
                                  BlockScanShared<Map, SCAN_WARPS> &shared,
                                  const LookBack<Map> &look_back, Turn &turn, bool continues,
                                  PackStates<Map> &states)
{
  PackMaps<Map> before;
  Segment<Map> part = {Map::identity(), false};
#pragma unroll
  for (int j = 0; j < SCAN_PACKS; j++) {
    const WarpScan<Map> scan = scan_warp(mine[j]);
    before[j] = then(part, scan.before);
    part = then(part, scan.total);
  }
  BlockScan<Map, SCAN_WARPS> block = {shared};
  const Segment<Map> total = block.combine(part);
  typename Map::State state = {};
  if (threadIdx.x < WARP && gridDim.x > 1) {
    state = look_back.pass(turn.tile, total, continues);
    if (look_back.left) leave(look_back.left, turn);
  }
  state = block.distribute(state);
#pragma unroll
  for (int j = 0; j < SCAN_PACKS; j++) states[j] = before[j](state);
}

/** Calls f(j, v) for all samples of the thread as time runs. */
template <class Tile, bool REVERSE, class F>
__device__ inline void for_each_sample(int j, const Tile &tile, F f)
{
#pragma unroll
  for (int i = 0; i < Tile::V; i++) {
    const int v = REVERSE ? Tile::V - 1 - i : i;
    if (Tile::has(tile.exists, j, v)) f(v);
  }
}

template <class Rule, class Tile>
__device__ inline void run_states(const Rule &rule, const Tile &tile,
                                  const LookBack<typename Rule::Map> &look_back, Turn &turn,
                                  typename Rule::Values &values)
{
  using Map = typename Rule::Map;
  using State = typename Map::State;
  APF_SHARED(shared, BlockScanShared<Map, SCAN_WARPS>);
  PackMaps<Map> maps;
#pragma unroll
  for (int j = 0; j < SCAN_PACKS; j++) {
    maps[j] = {Map::identity(), false};
    for_each_sample<Tile, Rule::REVERSE>(j, tile, [&](int v) {
      const Map map = rule.map(values, j, v);
      if (Tile::has(tile.starts, j, v))
        maps[j] = {{make_scalar<State>(0), map(rule.start(tile.row_of(j, v)))}, true};
      else
        maps[j].map = then(maps[j].map, map);
    });
  }
  PackStates<Map> states;
  scan_packs(maps, shared, look_back, turn, tile.continues(), states);
#pragma unroll
  for (int j = 0; j < SCAN_PACKS; j++) {
    for_each_sample<Tile, Rule::REVERSE>(j, tile, [&](int v) {
      if (Tile::has(tile.starts, j, v)) states[j] = rule.start(tile.row_of(j, v));
      states[j] = rule.step(values, j, v, states[j]);
      if (Tile::has(tile.ends, j, v)) rule.finish(tile.row_of(j, v), states[j]);
    });
  }
}

template <class Rule, class Tile>
__device__ inline void run_sums(const Rule &rule, const Tile &tile,
                                const LookBack<Sums<Rule::SUMS>> &look_back, Turn &turn,
                                const typename Rule::Values &values)
{
  using Map = Sums<Rule::SUMS>;
  APF_SHARED(shared, BlockScanShared<Map, SCAN_WARPS>);
  PackMaps<Map> maps;
#pragma unroll
  for (int j = 0; j < SCAN_PACKS; j++) {
    maps[j] = {Map::identity(), false};
    for_each_sample<Tile, Rule::REVERSE>(j, tile, [&](int v) {
      if (Tile::has(tile.starts, j, v)) maps[j] = {Map::identity(), true};
      maps[j].map = then(maps[j].map, rule.term(values, j, v));
    });
  }
  PackStates<Map> sums;
  scan_packs(maps, shared, look_back, turn, tile.continues(), sums);
#pragma unroll
  for (int j = 0; j < SCAN_PACKS; j++) {
    for_each_sample<Tile, Rule::REVERSE>(j, tile, [&](int v) {
      if (Tile::has(tile.starts, j, v)) sums[j] = Map::identity();
      sums[j] = then(sums[j], rule.term(values, j, v));
      if (Tile::has(tile.ends, j, v)) rule.finish_sums(tile.row_of(j, v), sums[j]);
    });
  }
}

template <class Rule>
__global__ void __launch_bounds__(SCAN_THREADS, Rule::BLOCKS)
    first_order_kernel(const Rule rule, const ScanPlan<typename Rule::Map, Rule::SUMS> plan)
{
  APF_SHARED(turn, Turn);
  const uint32_t taken = gridDim.x > 1 ? take_tile(plan.tickets, turn) : 0;
  const ScanTile<typename Rule::Signal, Rule::REVERSE> tile(plan, taken);
  typename Rule::Values values;
  rule.load(tile, values);
  run_states(rule, tile, plan.states, turn, values);
  rule.store(tile, values);
  if constexpr (Rule::SUMS > 0) run_sums(rule, tile, plan.sums, turn, values);
  if (gridDim.x > 1) clear_flags(plan.flags, plan.flag_count, turn);
}

/* --- the launch ------------------------------------------------------------------------------- */

/** Room of an array of the look-back, an entry a tile: each begins on a boundary of its own. */
template <class Entry>
inline size_t look_back_bytes(int64_t tiles)
{
  return (sizeof(Entry) * static_cast<size_t>(tiles) + 63) / 64 * 64;
}

/** Takes the entries of a look-back from `*memory` on. */
template <class Map>
inline void place_look_back(int64_t tiles, char **memory, LookBack<Map> *out)
{
  out->maps = reinterpret_cast<Map *>(*memory);
  *memory += look_back_bytes<Map>(tiles);
  out->states = reinterpret_cast<typename Map::State *>(*memory);
  *memory += look_back_bytes<typename Map::State>(tiles);
}

/** Flags and entries of several tiles. */
template <class Map, int SUMS>
apf_status prepare_look_back(apf_context *ctx, ScanPlan<Map, SUMS> *plan)
{
  enum { TICKETS = 2 };
  const int64_t tiles = plan->tiles;
  plan->flag_count = TICKETS + (SUMS > 0 ? 2 : 1) * tiles;
  APF_TRY(flags(ctx, static_cast<size_t>(plan->flag_count), &plan->flags));
  plan->tickets = plan->flags;
  plan->states.known = plan->flags + TICKETS;
  plan->sums.known = plan->states.known + tiles;
  (SUMS > 0 ? plan->sums.left : plan->states.left) = plan->tickets + 1;
  size_t bytes = look_back_bytes<Map>(tiles) + look_back_bytes<typename Map::State>(tiles);
  if constexpr (SUMS > 0) bytes += 2 * look_back_bytes<Sums<SUMS>>(tiles);
  void *workspace;
  APF_TRY(apf_workspace(ctx, bytes, &workspace));
  char *memory = static_cast<char *>(workspace);
  place_look_back(tiles, &memory, &plan->states);
  if constexpr (SUMS > 0) place_look_back(tiles, &memory, &plan->sums);
  return APF_OK;
}

/** Runs a rule over B > 0 sequences of T > 0 samples. `aligned`: see is_aligned(). */
template <class Rule>
apf_status scan_sequences(apf_context *ctx, int64_t B, int64_t T, bool aligned, const Rule &rule)
{
  ScanPlan<typename Rule::Map, Rule::SUMS> plan = {};
  plan.n = B * T, plan.T = T;
  plan.tiles = divide_up(B * T, ScanTile<typename Rule::Signal, Rule::REVERSE>::SIZE);
  plan.aligned = aligned;
  if (plan.tiles > 1) APF_TRY(prepare_look_back(ctx, &plan));
  return APF_LAUNCH(ctx, first_order_kernel<Rule>, dim3(static_cast<unsigned>(plan.tiles)),
                    SCAN_THREADS, 0, rule, plan);
}

/** Whether all of the arrays are aligned to 16 bytes; NULL is. */
template <class... Arrays>
inline bool is_aligned(const Arrays *...arrays)
{
  return ((reinterpret_cast<uintptr_t>(arrays) % 16 == 0) && ...);
}

/** The state after no samples is the state before them: to = from, or zero. */
template <class S>
apf_status pass_on(apf_context *ctx, int64_t n, const S *from, S *to)
{
  const size_t bytes = static_cast<size_t>(n) * sizeof(S);
  if (!to) return APF_OK;
  return from ? ctx->table->copy(ctx, to, from, bytes) : ctx->table->zero(ctx, to, bytes);
}

}  // namespace apf_cuda

#endif
