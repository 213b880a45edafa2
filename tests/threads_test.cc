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

/** Every gradient of a signal that goes through interpolation, FIR, all-pole, recurrence and
 * ballistics, some times over. */
template <class T>
std::vector<T> run_a_chain(apf_context *ctx, uint64_t seed)
{
  const int64_t B = 3, N = 300, F = 5, M = 2;
  const std::vector<T> frames = random_values<T>(B * F * M, seed, 0.4),
                       slow = random_values<T>(B * F, seed + 1, 0.4), rate(B, T(0.1));
  std::vector<T> a(B * N), x = random_values<T>(B * N, seed + 2), u(B * N), v(B * N), w(B * N),
                           y(B * N), dy(B * N), da(B * N), db(B * F * M), dframes(B * F * M),
                           dslow(B * F), dattack(B), drelease(B);
  for (int i = 0; i < 20; i++) {
    APF_EXPECT_OK(op::interpolate_forward<T>(ctx, B, F, N, 1, slow.data(), a.data()));
    APF_EXPECT_OK(
        op::fir_forward<T>(ctx, B, N, F, M, x.data(), frames.data(), nullptr, u.data(), nullptr));
    APF_EXPECT_OK(op::allpole_forward<T>(ctx, B, N, F, M, u.data(), frames.data(), nullptr,
                                         v.data(), nullptr));
    APF_EXPECT_OK(
        op::recurrence_forward<T>(ctx, B, N, N, v.data(), a.data(), nullptr, w.data(), nullptr));
    APF_EXPECT_OK(op::ballistics_forward<T>(ctx, B, N, w.data(), nullptr, rate.data(), rate.data(),
                                            y.data(), nullptr));
    APF_EXPECT_OK(op::ballistics_backward<T>(ctx, B, N, x.data(), nullptr, w.data(), nullptr,
                                             rate.data(), rate.data(), y.data(), dy.data(), nullptr,
                                             dattack.data(), drelease.data()));
    APF_EXPECT_OK(op::recurrence_backward<T>(ctx, B, N, N, dy.data(), nullptr, a.data(), nullptr,
                                             w.data(), dy.data(), da.data(), nullptr));
    APF_EXPECT_OK(op::allpole_backward<T>(ctx, B, N, F, M, dy.data(), nullptr, frames.data(),
                                          nullptr, v.data(), dy.data(), dframes.data(), nullptr));
    APF_EXPECT_OK(op::fir_backward<T>(ctx, B, N, F, M, dy.data(), nullptr, x.data(), frames.data(),
                                      nullptr, u.data(), db.data(), nullptr));
    APF_EXPECT_OK(op::interpolate_backward<T>(ctx, B, F, N, 1, da.data(), dslow.data()));
    x.swap(u);
  }
  for (const std::vector<T> *part : {&y, &db, &dframes, &dslow, &dattack, &drelease})
    x.insert(x.end(), part->begin(), part->end());
  return x;
}

TEST(Threads, TwoContextsComputeWhatEachComputesAlone)
{
  std::vector<double> alone[2], together[2];
  std::vector<float> alone_f32[2], together_f32[2];
  apf_context *ctx = one_thread_context();
  for (int i = 0; i < 2; i++) {
    alone[i] = run_a_chain<double>(ctx, 10 * i);
    alone_f32[i] = run_a_chain<float>(ctx, 10 * i);
  }
  apf_context_destroy(ctx);

  in_two_threads([&](int i) {
    apf_context *own = one_thread_context();
    together[i] = run_a_chain<double>(own, 10 * i);
    together_f32[i] = run_a_chain<float>(own, 10 * i);
    apf_context_destroy(own);
  });

  for (int i = 0; i < 2; i++) {
    EXPECT_EQ(together[i], alone[i]);
    EXPECT_EQ(together_f32[i], alone_f32[i]);
  }
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
