/**
 * Attack and release smoothing and its adjoint.
 *
 *   c[t] = at if x[t] < y[t-1], else rt;   y[t] = (1-c[t]) y[t-1] + c[t] x[t],   y[-1] = zi
 *
 * Forward there are two kernels. Where sequences are many, a lane runs each of them sample by
 * sample; tiles of time pass through shared memory, so that a warp reads and writes rows. Where
 * they are few and long, a block runs each of them, exactly, by policy iteration: the branches of a
 * tile are guessed, which makes it a linear recurrence, whose scan tells every thread the state
 * before its samples; running these with the true rule corrects the branches. When no branch
 * changes any more the result is that of the rule throughout. Each round settles the samples of one
 * more thread for good, whatever the coefficients; with attack faster than release (slower) the
 * outcome is a minimum (maximum) over branches, and the iteration, Newton's, is done in a few
 * rounds.
 *
 * The state is double for float signals too: rounded to float in every sample it would lose digits
 * in proportion to the release's time constant. Where an input equals the state but for rounding,
 * the two kernels may take different branches to the same output.
 *
 * Backward the branches are known: a pass of smoother.h, which sums dat and drt as it goes.
 */
#include "cuda/smoother.h"
#include "cuda/tuning.h"

namespace apf_cuda {

namespace {

/** Of one sequence. */
struct Ballistics {
  double at, rt, keep_at, keep_rt;

  template <class real>
  static __device__ Ballistics of(const real *at, const real *rt, int64_t b)
  {
    const double attack = load(at + b), release = load(rt + b);
    return {attack, release, 1 - attack, 1 - release};
  }
  /** What a sample does to the state once its branch is known. */
  __device__ Affine<double> map(bool attack, double x) const
  {
    return {attack ? keep_at : keep_rt, (attack ? at : rt) * x};
  }
  /** Both branches are computed before one is chosen: only that waits for the comparison. */
  __device__ double step(double x, double state) const
  {
    const double attacked = fma(keep_at, state, at * x), released = fma(keep_rt, state, rt * x);
    return x < state ? attacked : released;
  }
};

template <class real>
__device__ inline double initial_state(const real *zi, int64_t b)
{
  return zi ? load(zi + b) : 0;
}

/* --- many sequences: a lane each -------------------------------------------------------------- */

enum { STAGES = 4 }; /* tiles on their way from memory while one is worked on, and that one */

template <class real>
struct SequenceTiles {
  real v[STAGES][WARP][WARP + 1]; /* sequence, time; one more, so that lanes use all banks */
};

/** Starts reading tile k of time; one commit each, also where there is none. */
template <class real>
__device__ inline void read_tile(int64_t B, int64_t T, int64_t first, int64_t k, const real *x,
                                 SequenceTiles<real> &tiles)
{
  const int lane = threadIdx.x;
  const int64_t t = k * WARP + lane;
  for (int r = 0; r < WARP; r++)
    if (first + r < B && t < T) async_copy(&tiles.v[k % STAGES][r][lane], x + (first + r) * T + t);
  async_commit();
}

template <class real>
__global__ void __launch_bounds__(WARP)
    ballistics_sequences_kernel(int64_t B, int64_t T, const real *x, const real *zi, const real *at,
                                const real *rt, real *y, real *zf)
{
  APF_SHARED(tiles, SequenceTiles<real>);
  const int lane = threadIdx.x;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * WARP, b = first + lane;
  const Ballistics smoother = Ballistics::of(at, rt, b < B ? b : first);
  double state = initial_state(zi, b < B ? b : first);
  for (int k = 0; k < STAGES - 1; k++) read_tile(B, T, first, k, x, tiles);
  for (int64_t k = 0; k * WARP < T; k++) {
    read_tile(B, T, first, k + STAGES - 1, x, tiles);
    async_wait<STAGES - 1>();
    __syncwarp();
    real(&tile)[WARP][WARP + 1] = tiles.v[k % STAGES];
    const int64_t left = T - k * WARP;
    const int n = left < WARP ? static_cast<int>(left) : WARP;
    for (int i = 0; i < n && b < B; i++) {
      state = smoother.step(tile[lane][i], state);
      tile[lane][i] = static_cast<real>(state);
    }
    __syncwarp();
    for (int r = 0; r < WARP; r++)
      if (first + r < B && lane < n) store(y + (first + r) * T + k * WARP + lane, tile[r][lane]);
    __syncwarp();
  }
  if (zf && b < B) store(zf + b, static_cast<real>(state));
}

/* --- few long sequences: a block each --------------------------------------------------------- */

enum { POLICY_THREADS = 256, POLICY_WARPS = POLICY_THREADS / WARP };
enum { MOST_ROUNDS = 32 }; /* of the iteration, before a tile is run sample by sample */

template <class real>
struct PolicyTile {
  enum { ITEMS = 64 / static_cast<int>(sizeof(real)), SIZE = POLICY_THREADS * ITEMS };
  real v[POLICY_THREADS][ITEMS + 1]; /* one more, so that threads use all banks */

  __device__ real &at(int i) { return v[i / ITEMS][i % ITEMS]; }
};

template <class real>
struct PolicyShared {
  PolicyTile<real> tiles[2]; /* one is read while the other is worked on */
  BlockScanShared<Affine<double>, POLICY_WARPS> scan;
  double state; /* after the last tile */
};

template <class real>
__device__ inline int tile_samples(int64_t T, int64_t k)
{
  const int64_t left = T - k * PolicyTile<real>::SIZE;
  return left < 0                        ? 0
         : left < PolicyTile<real>::SIZE ? static_cast<int>(left)
                                         : PolicyTile<real>::SIZE;
}

template <class real>
__device__ inline void read_policy_tile(int64_t T, int64_t k, const real *x, PolicyTile<real> &tile)
{
  const int n = tile_samples<real>(T, k);
  for (int i = threadIdx.x; i < n; i += POLICY_THREADS)
    async_copy(&tile.at(i), x + k * PolicyTile<real>::SIZE + i);
  async_commit();
}

/** The samples of a thread. */
template <class real>
struct PolicyItems {
  enum { ITEMS = PolicyTile<real>::ITEMS };
  real x[ITEMS];
  int count;
  unsigned attack; /* bit i: the branch of sample i */

  __device__ PolicyItems(PolicyTile<real> &tile, int n)
  {
    const int left = n - static_cast<int>(threadIdx.x) * ITEMS;
    count = left < 0 ? 0 : left < ITEMS ? left : ITEMS;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) x[i] = i < count ? tile.v[threadIdx.x][i] : real(0);
  }

  __device__ void guess(double state)
  {
    attack = 0;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) attack |= static_cast<unsigned>(x[i] < state) << i;
  }

  /** What the samples do to the state if their branches are right. */
  __device__ Affine<double> map(const Ballistics &smoother) const
  {
    Affine<double> all = Affine<double>::identity();
#pragma unroll
    for (int i = 0; i < ITEMS; i++)
      if (i < count) all = then(all, smoother.map(attack >> i & 1, x[i]));
    return all;
  }

  /** Corrects the branches, given the state before; whether any changed. */
  __device__ bool correct(const Ballistics &smoother, double state)
  {
    unsigned corrected = 0;
#pragma unroll
    for (int i = 0; i < ITEMS; i++) {
      if (i >= count) continue;
      corrected |= static_cast<unsigned>(x[i] < state) << i;
      state = smoother.step(x[i], state);
    }
    const bool changed = corrected != attack;
    attack = corrected;
    return changed;
  }
};

/** Replaces a tile's inputs by its outputs; returns the state after it, to every thread. */
template <class real>
__device__ inline double run_policy_tile(const Ballistics &smoother, int n, double state,
                                         PolicyTile<real> &tile, PolicyShared<real> &shared)
{
  PolicyItems<real> mine(tile, n);
  BlockScan<Affine<double>, POLICY_WARPS> block = {shared.scan};
  mine.guess(state);
  bool changed = true;
  double before = state;
  for (int round = 0; round < MOST_ROUNDS && changed; round++) {
    const auto scan = scan_warp(Segment<Affine<double>>{mine.map(smoother), false});
    block.combine(scan.total);
    before = scan.before(block.distribute(state));
    changed = __syncthreads_or(mine.correct(smoother, before));
  }
  int first = threadIdx.x * PolicyTile<real>::ITEMS, count = mine.count;
  if (changed) { /* not settled: the first thread does it all */
    first = 0, before = state;
    count = threadIdx.x == 0 ? n : 0;
  }
  for (int i = first; i < first + count; i++) {
    before = smoother.step(tile.at(i), before);
    tile.at(i) = static_cast<real>(before);
  }
  if (count > 0 && first + count == n) shared.state = before;
  __syncthreads();
  return shared.state;
}

template <class real>
__global__ void __launch_bounds__(POLICY_THREADS)
    ballistics_policy_kernel(int64_t T, const real *x, const real *zi, const real *at,
                             const real *rt, real *y, real *zf)
{
  APF_SHARED(shared, PolicyShared<real>);
  const int64_t b = blockIdx.x;
  const Ballistics smoother = Ballistics::of(at, rt, b);
  double state = initial_state(zi, b);
  x += b * T, y += b * T;
  read_policy_tile(T, 0, x, shared.tiles[0]);
  for (int64_t k = 0; k * PolicyTile<real>::SIZE < T; k++) {
    PolicyTile<real> &tile = shared.tiles[k % 2];
    read_policy_tile(T, k + 1, x, shared.tiles[(k + 1) % 2]);
    async_wait<1>();
    __syncthreads();
    const int n = tile_samples<real>(T, k);
    state = run_policy_tile(smoother, n, state, tile, shared);
    for (int i = threadIdx.x; i < n; i += POLICY_THREADS)
      store(y + k * PolicyTile<real>::SIZE + i, tile.at(i));
    __syncthreads();
  }
  if (zf && threadIdx.x == 0) store(zf + b, static_cast<real>(state));
}

}  // namespace

template <class real>
apf_status ballistics_forward(apf_context *ctx, int64_t B, int64_t T, const real *x, const real *zi,
                              const real *at, const real *rt, real *y, real *zf)
{
  if (T == 0) return pass_on(ctx, B, zi, zf);
  if (choose_ballistics_strategy(ctx, B, T) == BallisticsStrategy::policy)
    return APF_LAUNCH(ctx, ballistics_policy_kernel<real>, static_cast<unsigned>(B), POLICY_THREADS,
                      0, T, x, zi, at, rt, y, zf);
  return APF_LAUNCH(ctx, ballistics_sequences_kernel<real>,
                    static_cast<unsigned>(divide_up(B, WARP)), WARP, 0, B, T, x, zi, at, rt, y, zf);
}
APF_INSTANTIATE_REAL(ballistics_forward);

template <class real>
apf_status ballistics_backward(apf_context *ctx, int64_t B, int64_t T, const real *dy,
                               const real *dzf, const real *x, const real *zi, const real *at,
                               const real *rt, const real *y, real *dx, real *dzi, real *dat,
                               real *drt)
{
  if (T == 0) {
    APF_TRY(pass_on<real>(ctx, B, nullptr, dat));
    APF_TRY(pass_on<real>(ctx, B, nullptr, drt));
    return pass_on(ctx, B, dzf, dzi);
  }
  const bool aligned = is_aligned(dy, x, y, dx);
  if (!dat && !drt) {
    const SmootherBackward<real, 2, false> rule = {dy, dzf, x, zi, {at, rt}, y, dx, dzi, {}};
    return scan_sequences(ctx, B, T, aligned, rule);
  }
  const SmootherBackward<real, 2, true> rule = {dy, dzf, x, zi, {at, rt}, y, dx, dzi, {dat, drt}};
  return scan_sequences(ctx, B, T, aligned, rule);
}
APF_INSTANTIATE_REAL(ballistics_backward);

}  // namespace apf_cuda
