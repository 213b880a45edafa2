/** Contexts share nothing: each may live in its own thread without locks. Run under TSan. */
#include <thread>

#include "support/support.h"

namespace {

/** Runs job(0) and job(1) at the same time. */
template <class Job>
void in_two_threads(Job job)
{
  std::thread first(job, 0), second(job, 1);
  first.join();
  second.join();
}

apf_context *one_thread_context()
{
  return make_context({APF_CPU, APF_SIMD_AUTO, 1});
}

/** Up and down again through the interpolation, many times. */
std::vector<double> interpolate_repeatedly(apf_context *ctx, uint64_t seed)
{
  const int64_t F = 5, T = 300, C = 3;
  std::vector<double> frames = random_values<double>(F * C, seed), samples(T * C);
  for (int i = 0; i < 50; i++) {
    EXPECT_EQ(apf_interpolate_forward_f64(ctx, 1, F, T, C, frames.data(), samples.data()), APF_OK);
    EXPECT_EQ(apf_interpolate_backward_f64(ctx, 1, F, T, C, samples.data(), frames.data()), APF_OK);
    for (double &v : frames) v *= 0.02;
  }
  return samples;
}

TEST(Threads, TwoContextsComputeWhatEachComputesAlone)
{
  std::vector<double> alone[2], together[2];
  apf_context *ctx = one_thread_context();
  for (int i = 0; i < 2; i++) alone[i] = interpolate_repeatedly(ctx, i);
  apf_context_destroy(ctx);

  in_two_threads([&](int i) {
    apf_context *own = one_thread_context();
    together[i] = interpolate_repeatedly(own, i);
    apf_context_destroy(own);
  });

  for (int i = 0; i < 2; i++) EXPECT_EQ(together[i], alone[i]);
}

TEST(Threads, MessagesStayWithTheirContext)
{
  in_two_threads([&](int i) {
    apf_context *own = one_thread_context();
    const std::string size = std::to_string(-1 - i);
    for (int k = 0; k < 200; k++) {
      apf_status status = apf_interpolate_forward_f64(own, -1 - i, 1, 1, 1, nullptr, nullptr);
      expect_failure(own, status, APF_ERR_ARGUMENT, {size.c_str()});
    }
    apf_context_destroy(own);
  });
}

TEST(Threads, MessagesOfFailedCreationsStayInTheirThread)
{
  in_two_threads([&](int i) {
    apf_context_options options;
    apf_context_options_init(&options);
    options.threads = -1 - i;
    const std::string threads = std::to_string(options.threads);
    for (int k = 0; k < 200; k++) {
      apf_context *none = nullptr;
      apf_status status = apf_context_create(&options, &none);
      expect_failure(nullptr, status, APF_ERR_ARGUMENT, {threads.c_str()});
    }
  });
}

}  // namespace
