/**
 * The look-back between tiles over more tiles than the emulation has in flight: their flags, maps
 * and states are given, and one warp asks for the state before a tile.
 */
#include "cuda/allpole_tap_maps.h"

#include "cuda_on_cpu/testing.h"
#include "support/support.h"

using namespace apf_cuda;

namespace {

enum { M = 2 };

struct Window {
  AffineMap<M, double> v[WARP];
};

__global__ void look_back_kernel(Chain<double> chain, int64_t rank, double *state)
{
  APF_SHARED(window, Window);
  double found[M];
  look_back(chain, ChainTile{0, rank, rank}, window.v, found);
  for (int i = 0; i < M; i++)
    if (lane_id() == 0) store(state + i, found[i]);
}

/** Of `tiles` tiles, those in `known` have published their state, all others their map. */
std::vector<double> state_before(int64_t tiles, const std::vector<int64_t> &known,
                                 const std::vector<double> &maps, const std::vector<double> &states)
{
  std::vector<uint32_t> flags(tiles, MAP);
  std::vector<double> published(tiles * M, NAN);
  for (int64_t tile : known) {
    flags[tile] = STATE;
    std::copy_n(states.begin() + tile * M, M, published.begin() + tile * M);
  }
  cuda_on_cpu::DeviceArray<uint32_t> device_flags(flags);
  cuda_on_cpu::DeviceArray<double> device_maps(maps), device_states(published), state(M);
  const Chain<double> chain = {
      nullptr, nullptr, device_flags.data(), 1, tiles, device_maps.data(), device_states.data()};
  EXPECT_EQ(cuda_on_cpu::run(look_back_kernel, 1, WARP, 0, chain, tiles, state.data()), 0)
      << cuda_on_cpu::last_message();
  return state.values();
}

/** The same where maps of order M lie in shared memory and tiles come in groups. */
__global__ void state_before_tile_kernel(Chain<double> chain, int64_t rank, MapShape shape,
                                         int group, double *state)
{
  APF_DYNAMIC_SHARED(memory, double);
  double *window = memory + shape.M;
  state_before_tile(chain, ChainTile{0, rank, rank}, shape, group, window, memory);
  for (int i = lane_id(); i < shape.M; i += WARP) store(state + i, memory[i]);
}

}  // namespace

TEST(AllpoleChain, AnyDistanceToAKnownStateGivesTheSameBits)
{
  const int64_t tiles = 100;
  const std::vector<double> maps = random_values<double>(tiles * MAP_SIZE<M>, 1, 0.6);
  std::vector<double> states = random_values<double>(tiles * M, 2);
  for (int64_t k = 1; k < tiles; k++) {
    const double *map = &maps[k * MAP_SIZE<M>], *before = &states[(k - 1) * M];
    for (int i = 0; i < M; i++)
      states[k * M + i] =
          std::fma(map[i * M + 1], before[1], std::fma(map[i * M], before[0], map[M * M + i]));
  }
  const std::vector<double> want(states.end() - M, states.end());

  for (int64_t nearest : {99, 98, 68, 67, 66, 36, 35, 34, 1, 0})
    EXPECT_EQ(state_before(tiles, {0, nearest}, maps, states), want) << nearest;
}

TEST(AllpoleChain, MapsOfTheOwnGroupFollowTheStateBeforeIt)
{
  enum { ORDER = 40, GROUP = 4, TILES = 10, AFTER_A_GROUP = 4 };
  const MapShape shape = {ORDER, ORDER + 1};
  const std::vector<double> maps = random_values<double>(TILES * shape.size(), 1, 1.0 / ORDER);
  std::vector<double> states(TILES * ORDER, NAN), state = random_values<double>(ORDER, 2);
  std::copy(state.begin(), state.end(), states.begin() + AFTER_A_GROUP * ORDER);
  std::vector<uint32_t> flags(TILES, NOTHING); /* tiles that nobody needs never tell anything */
  flags[AFTER_A_GROUP] = STATE;

  for (int64_t rank = AFTER_A_GROUP + 1; rank <= AFTER_A_GROUP + GROUP; rank++) {
    cuda_on_cpu::DeviceArray<uint32_t> device_flags(flags);
    cuda_on_cpu::DeviceArray<double> device_maps(maps), device_states(states), got(ORDER);
    const Chain<double> chain = {
        nullptr, nullptr, device_flags.data(), 1, TILES, device_maps.data(), device_states.data()};
    const size_t shared_bytes = (ORDER + (GROUP - 1) * shape.size()) * sizeof(double);
    EXPECT_EQ(cuda_on_cpu::run(state_before_tile_kernel, 1, WARP, shared_bytes, chain, rank, shape,
                               GROUP, got.data()),
              0)
        << cuda_on_cpu::last_message();
    EXPECT_LE(relative_error(got.values(), state), 1e-14) << rank;

    std::vector<double> next(ORDER);
    for (int i = 0; i < ORDER; i++) {
      const double *row = &maps[rank * shape.size() + i * shape.stride];
      next[i] = row[ORDER];
      for (int m = 0; m < ORDER; m++) next[i] += row[m] * state[m];
    }
    state = next;
    flags[rank] = MAP;
  }
}
