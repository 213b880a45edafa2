#include "support/support.h"

TEST(Context, EveryStatusHasItsSentence)
{
  for (int code = APF_OK; code <= APF_ERR_INTERRUPTED; code++)
    EXPECT_STRNE(apf_status_string(static_cast<apf_status>(code)), "unknown status") << code;
  EXPECT_STREQ(apf_status_string(static_cast<apf_status>(999)), "unknown status");
}

TEST(Context, DefaultsWork)
{
  apf_context *ctx = nullptr;

  ASSERT_EQ(apf_context_create(nullptr, &ctx), APF_OK);

  EXPECT_EQ(apf_context_backend(ctx), APF_CPU);
  EXPECT_GE(apf_context_threads(ctx), 1);
  EXPECT_STREQ(apf_last_error(ctx), "");
  EXPECT_EQ(apf_synchronize(ctx), APF_OK);
  apf_context_destroy(ctx);
}

TEST(Context, BadOptionsAreNamed)
{
  apf_context *ctx = nullptr;
  apf_context_options options;
  apf_context_options_init(&options);

  options.threads = -2;
  expect_failure(nullptr, apf_context_create(&options, &ctx), APF_ERR_ARGUMENT, {"threads is -2"});
  EXPECT_EQ(ctx, nullptr);

  apf_context_options_init(&options);
  options.backend = static_cast<apf_backend>(7);
  expect_failure(nullptr, apf_context_create(&options, &ctx), APF_ERR_ARGUMENT, {"backend is 7"});

  apf_context_options_init(&options);
  options.simd = static_cast<apf_simd>(9);
  expect_failure(nullptr, apf_context_create(&options, &ctx), APF_ERR_ARGUMENT, {"simd is 9"});

  options.struct_size = 100000;
  expect_failure(nullptr, apf_context_create(&options, &ctx), APF_ERR_ARGUMENT, {"struct_size"});
  expect_failure(nullptr, apf_context_create(nullptr, nullptr), APF_ERR_ARGUMENT, {"out is NULL"});
}

TEST(Context, AnOlderShorterOptionsStructKeepsDefaults)
{
  apf_context_options options;
  std::memset(&options, 0xee, sizeof options);
  options.struct_size = offsetof(apf_context_options, simd);
  options.backend = APF_CPU;
  apf_context *ctx = nullptr;

  ASSERT_EQ(apf_context_create(&options, &ctx), APF_OK) << apf_last_error(nullptr);

  EXPECT_GE(apf_context_threads(ctx), 1);
  apf_context_destroy(ctx);
}

TEST(Context, ProductRefusesOverflow)
{
  const int64_t small[] = {2, 3, 4}, large[] = {INT64_MAX / 2, 3},
                zero[] = {INT64_MAX, INT64_MAX, 0};

  EXPECT_EQ(apf_product(3, small), 24);
  EXPECT_EQ(apf_product(2, large), -1);
  EXPECT_EQ(apf_product(3, zero), 0);
}

/* --- memory of the backend, and what operators refuse ------------------------------------------
 */

class Memory : public OnEveryBackend {
 protected:
  void *allocate(size_t bytes)
  {
    void *memory = nullptr;
    EXPECT_EQ(apf_allocate(ctx, bytes, &memory), APF_OK) << apf_last_error(ctx);
    return memory;
  }
};
APF_ON_EVERY_BACKEND(Memory);

TEST_P(Memory, CarriesValuesThereAndBack)
{
  const std::vector<double> values = random_values<double>(1000, 1);
  const size_t bytes = values.size() * sizeof(double);
  void *first = allocate(bytes), *second = allocate(bytes);
  std::vector<double> got(values.size());

  APF_EXPECT_OK(apf_upload(ctx, first, values.data(), bytes));
  APF_EXPECT_OK(apf_copy(ctx, second, first, bytes));
  APF_EXPECT_OK(apf_download(ctx, got.data(), second, bytes));

  EXPECT_EQ(got, values);
  apf_release(ctx, first);
  apf_release(ctx, second);
  apf_release(ctx, nullptr);
}

TEST_P(Memory, RefusesWhatIsMissingOrTooLarge)
{
  double value = 0;
  void *memory = nullptr;
  expect_failure(ctx, apf_upload(ctx, nullptr, &value, 8), APF_ERR_ARGUMENT, {"to is NULL"});
  expect_failure(ctx, apf_download(ctx, nullptr, &value, 8), APF_ERR_ARGUMENT, {"to_host is NULL"});
  expect_failure(ctx, apf_copy(ctx, &value, nullptr, 8), APF_ERR_ARGUMENT, {"from is NULL"});
  expect_failure(ctx, apf_allocate(ctx, 8, nullptr), APF_ERR_ARGUMENT, {"out is NULL"});
  expect_failure(ctx, apf_allocate(ctx, SIZE_MAX / 2, &memory), APF_ERR_MEMORY,
                 {"cannot allocate"});
  EXPECT_EQ(memory, nullptr);
  expect_failure(nullptr, apf_allocate(nullptr, 8, &memory), APF_ERR_ARGUMENT, {"ctx is NULL"});
  EXPECT_EQ(apf_upload(ctx, nullptr, nullptr, 0), APF_OK);
}

class MemoryOfADevice : public Memory {};
APF_ON_CUDA(MemoryOfADevice);

TEST_P(MemoryOfADevice, OperatorsRefuseHostMemory)
{
  std::vector<float> host(8, 0.5f), zi(1);
  Array<float> x(ctx, host), a(ctx, host), y(ctx, 8);

  expect_failure(
      ctx,
      apf_allpole_forward_f32(ctx, 1, 8, 8, 1, host.data(), a.data(), nullptr, y.data(), nullptr),
      APF_ERR_ARGUMENT, {"apf_allpole_forward", "x is memory of the host", "device 0"});
  expect_failure(
      ctx,
      apf_recurrence_forward_f32(ctx, 1, 8, 8, x.data(), a.data(), zi.data(), y.data(), nullptr),
      APF_ERR_ARGUMENT, {"apf_recurrence_forward", "zi is memory of the host"});
  expect_failure(ctx, apf_upload(ctx, host.data(), host.data(), 4), APF_ERR_ARGUMENT,
                 {"to is memory of the host"});
  for (float v : y.values()) EXPECT_TRUE(std::isnan(v)) << "written by a refused call";
}

TEST_P(MemoryOfADevice, OperatorsRefuseMemoryOfAnotherDevice)
{
  apf_context_options options;
  apf_context_options_init(&options);
  options.backend = APF_CUDA;
  options.device = 1;
  apf_context *other = nullptr;
  if (apf_context_create(&options, &other) != APF_OK) GTEST_SKIP() << apf_last_error(nullptr);
  {
    Array<float> x(ctx, std::vector<float>(8, 1)), y(ctx, 8), elsewhere(other, 8);

    expect_failure(
        ctx,
        apf_one_pole_forward_f32(ctx, 1, 8, x.data(), x.data(), nullptr, elsewhere.data(), nullptr),
        APF_ERR_ARGUMENT, {"y is memory of CUDA device 1", "device 0"});
    APF_EXPECT_OK(op::fill<float>(ctx, 8, 3, y.data())); /* after working on the other device */
    EXPECT_EQ(y.values(), std::vector<float>(8, 3));
  }
  apf_context_destroy(other);
}

TEST_P(MemoryOfADevice, ADeviceThatIsNotThereIsNamed)
{
  apf_context_options options;
  apf_context_options_init(&options);
  options.backend = APF_CUDA;
  options.device = 99;
  apf_context *other = nullptr;

  expect_failure(nullptr, apf_context_create(&options, &other), APF_ERR_ARGUMENT,
                 {"options.device is 99", "expected 0 to"});
  EXPECT_EQ(other, nullptr);
}

/** A build, or a machine, without CUDA says which of the two it is. */
TEST(Context, CudaIsThereOrSaysWhyNot)
{
  const bool built = std::strstr(apf_build_info(), "cuda=OFF") == nullptr;
  apf_context_options options;
  apf_context_options_init(&options);
  options.backend = APF_CUDA;
  apf_context *ctx = nullptr;

  const apf_status status = apf_context_create(&options, &ctx);

  if (!built)
    expect_failure(nullptr, status, APF_ERR_NOT_COMPILED, {"apf_context_create", "without CUDA"});
  else if (status != APF_OK)
    expect_failure(nullptr, status, APF_ERR_NO_DEVICE, {"apf_context_create", "no usable GPU: "});
  else
    EXPECT_EQ(apf_context_backend(ctx), APF_CUDA);
  apf_context_destroy(ctx);
}
