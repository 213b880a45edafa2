/**
 * What the operator tests share: contexts of every backend, guarded arrays in the backend's memory,
 * random data, and the checks that every operator must pass.
 *
 * A test body is written once, over a Backend parameter and, where it helps, over the type:
 *
 *   class Fir : public OnEveryBackend {};
 *   TEST_P(Fir, OneTapIsAGain) { ... Array<double> x(ctx, {1, 2, 3}); ... }
 *   APF_ON_EVERY_BACKEND(Fir);
 */
#ifndef APF_TESTS_SUPPORT_H
#define APF_TESTS_SUPPORT_H

#include <allpole/allpole.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "support/op.h"

struct Backend {
  apf_backend backend;
  apf_simd simd;
  int threads;
};
inline void PrintTo(const Backend &b, std::ostream *os)
{
  *os << (b.backend == APF_CUDA ? "cuda" : "cpu") << " simd " << b.simd << " threads " << b.threads;
}

/** Every backend that this build has and this machine can run; the CPU in every instruction set. */
inline std::vector<Backend> every_backend()
{
  std::vector<Backend> found;
  const Backend candidates[] = {{APF_CPU, APF_SIMD_BASE, 1},
                                {APF_CPU, APF_SIMD_AVX2, 2},
                                {APF_CPU, APF_SIMD_AVX512, 3},
                                {APF_CUDA, APF_SIMD_AUTO, 1}};
  for (const Backend &candidate : candidates) {
    apf_context_options options;
    apf_context_options_init(&options);
    options.backend = candidate.backend;
    options.simd = candidate.simd;
    apf_context *ctx = nullptr;
    if (apf_context_create(&options, &ctx) == APF_OK) found.push_back(candidate);
    apf_context_destroy(ctx);
  }
  return found;
}

inline std::string backend_name(const testing::TestParamInfo<Backend> &info)
{
  static const char *const simd[] = {"auto", "base", "avx2", "avx512"};
  if (info.param.backend == APF_CUDA) return "cuda";
  return std::string("cpu_") + simd[info.param.simd] + "_" + std::to_string(info.param.threads);
}

/** Whether this context's kernels run as fibers on the CPU: tests then take smaller sizes. */
inline bool is_emulated(const apf_context *ctx)
{
#ifdef APF_CUDA_EMULATED
  return apf_context_backend(ctx) == APF_CUDA;
#else
  return (void)ctx, false;
#endif
}

inline apf_context *make_context(const Backend &backend)
{
  apf_context_options options;
  apf_context_options_init(&options);
  options.backend = backend.backend;
  options.simd = backend.simd;
  options.threads = backend.threads;
  apf_context *ctx = nullptr;
  EXPECT_EQ(apf_context_create(&options, &ctx), APF_OK) << apf_last_error(nullptr);
  return ctx;
}

class OnEveryBackend : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override
  {
    ctx = make_context(GetParam());
    ASSERT_NE(ctx, nullptr);
  }
  void TearDown() override { apf_context_destroy(ctx); }
  apf_context *ctx = nullptr;
};
#define APF_ON_EVERY_BACKEND(Fixture) \
  INSTANTIATE_TEST_SUITE_P(, Fixture, testing::ValuesIn(every_backend()), backend_name)

/** CUDA alone, for what only a device can do; no test at all where there is none. */
inline std::vector<Backend> cuda_backend()
{
  std::vector<Backend> found = every_backend();
  found.erase(std::remove_if(found.begin(), found.end(),
                             [](const Backend &b) { return b.backend != APF_CUDA; }),
              found.end());
  return found;
}
#define APF_ON_CUDA(Fixture)                              \
  GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Fixture); \
  INSTANTIATE_TEST_SUITE_P(, Fixture, testing::ValuesIn(cuda_backend()), backend_name)

#define APF_ASSERT_OK(expression) ASSERT_EQ(expression, APF_OK) << apf_last_error(ctx)
#define APF_EXPECT_OK(expression) EXPECT_EQ(expression, APF_OK) << apf_last_error(ctx)

/** The call fails with this code, and its message contains each of the given words. */
inline void expect_failure(apf_context *ctx, apf_status got, apf_status want,
                           std::initializer_list<const char *> words)
{
  EXPECT_EQ(got, want) << apf_last_error(ctx);
  for (const char *word : words)
    EXPECT_NE(std::strstr(apf_last_error(ctx), word), nullptr)
        << "message lacks '" << word << "': " << apf_last_error(ctx);
}

/**
 * An array in the backend's memory between guard bytes. values() copies it to the host and checks
 * that nobody wrote over the guards. Contents start as NaN, so what was not written shows.
 */
template <class T>
class Array {
 public:
  Array(apf_context *context, int64_t n) : ctx_(context), n_(n)
  {
    std::vector<unsigned char> bytes(kGuard * 2 + n * sizeof(T), 0xff); /* 0xff...: a NaN */
    EXPECT_EQ(ctx_->table->allocate(ctx_, bytes.size(), &memory_), APF_OK);
    EXPECT_EQ(ctx_->table->upload(ctx_, memory_, bytes.data(), bytes.size()), APF_OK);
  }
  Array(apf_context *context, const std::vector<T> &values)
      : Array(context, static_cast<int64_t>(values.size()))
  {
    set(values);
  }
  Array(apf_context *context, std::initializer_list<T> values)
      : Array(context, std::vector<T>(values))
  {
  }
  Array(const Array &) = delete;
  Array &operator=(const Array &) = delete;
  ~Array()
  {
    if (memory_) ctx_->table->release(ctx_, memory_);
  }

  int64_t size() const { return n_; }
  T *data() { return reinterpret_cast<T *>(static_cast<unsigned char *>(memory_) + kGuard); }
  void set(const std::vector<T> &values)
  {
    ASSERT_EQ(static_cast<int64_t>(values.size()), n_);
    EXPECT_EQ(ctx_->table->upload(ctx_, data(), values.data(), n_ * sizeof(T)), APF_OK);
  }
  std::vector<T> values()
  {
    std::vector<unsigned char> bytes(kGuard * 2 + n_ * sizeof(T));
    EXPECT_EQ(ctx_->table->download(ctx_, bytes.data(), memory_, bytes.size()), APF_OK);
    bool intact = true;
    for (size_t i = 0; i < kGuard; i++)
      intact = intact && bytes[i] == 0xff && bytes[bytes.size() - 1 - i] == 0xff;
    EXPECT_TRUE(intact) << "wrote outside the array";
    std::vector<T> out(n_);
    if (n_) std::memcpy(out.data(), bytes.data() + kGuard, n_ * sizeof(T));
    return out;
  }

 private:
  static constexpr size_t kGuard = 64;
  apf_context *ctx_;
  int64_t n_;
  void *memory_ = nullptr;
};

/** Uniform in -scale..scale. */
template <class T>
std::vector<T> random_values(int64_t n, uint64_t seed, double scale = 1.0)
{
  std::mt19937_64 generator(seed);
  std::uniform_real_distribution<double> uniform(-scale, scale);
  std::vector<T> out(n);
  if constexpr (std::is_same_v<T, apf_c64> || std::is_same_v<T, apf_c128>) {
    for (T &v : out) {
      v.re = static_cast<decltype(v.re)>(uniform(generator));
      v.im = static_cast<decltype(v.im)>(uniform(generator));
    }
  } else {
    for (T &v : out) v = static_cast<T>(uniform(generator));
  }
  return out;
}

/** Real inner product; of complex vectors Re sum conj(u) v. */
template <class T>
double dot(const std::vector<T> &u, const std::vector<T> &v)
{
  EXPECT_EQ(u.size(), v.size());
  double sum = 0;
  for (size_t i = 0; i < u.size(); i++) {
    if constexpr (std::is_same_v<T, apf_c64> || std::is_same_v<T, apf_c128>)
      sum += double(u[i].re) * v[i].re + double(u[i].im) * v[i].im;
    else
      sum += double(u[i]) * v[i];
  }
  return sum;
}

/** max |got - want| / max |want| (over parts, for complex numbers); max |got| where want is all
 * zero. NaN or infinity in got gives infinity. */
template <class T>
double relative_error(const std::vector<T> &got, const std::vector<T> &want)
{
  EXPECT_EQ(got.size(), want.size());
  if (got.size() != want.size()) return INFINITY;
  constexpr bool complex = std::is_same_v<T, apf_c64> || std::is_same_v<T, apf_c128>;
  using Part = std::conditional_t<std::is_same_v<T, apf_c64>, float,
                                  std::conditional_t<std::is_same_v<T, apf_c128>, double, T>>;
  const Part *g = reinterpret_cast<const Part *>(got.data());
  const Part *w = reinterpret_cast<const Part *>(want.data());
  double difference = 0, peak = 0;
  for (size_t i = 0; i < got.size() * (complex ? 2 : 1); i++) {
    if (!std::isfinite(static_cast<double>(g[i]))) return INFINITY;
    difference = std::max(difference, std::abs(double(g[i]) - double(w[i])));
    peak = std::max(peak, std::abs(double(w[i])));
  }
  return peak > 0 ? difference / peak : difference;
}

/**
 * Central differences: along `directions` random directions v, (f(x+hv) - f(x-hv)) / 2h must equal
 * <gradient, v> to `tolerance` relative to the larger of the two and of |gradient| |v| / 1000.
 */
inline void expect_gradient(const std::function<double(const std::vector<double> &)> &f,
                            const std::vector<double> &x, const std::vector<double> &gradient,
                            double tolerance = 1e-6, double h = 1e-5, int directions = 3)
{
  ASSERT_EQ(x.size(), gradient.size());
  for (int k = 0; k < directions; k++) {
    std::vector<double> v = random_values<double>(x.size(), 1000 + k);
    std::vector<double> up = x, down = x;
    for (size_t i = 0; i < x.size(); i++) {
      up[i] += h * v[i];
      down[i] -= h * v[i];
    }
    double numeric = (f(up) - f(down)) / (2 * h);
    double analytic = dot(gradient, v);
    double scale = std::max({std::abs(numeric), std::abs(analytic),
                             1e-3 * std::sqrt(dot(gradient, gradient) * dot(v, v))});
    EXPECT_LE(std::abs(numeric - analytic), tolerance * scale)
        << "direction " << k << ": central difference " << numeric << ", gradient gives "
        << analytic;
  }
}

#endif
