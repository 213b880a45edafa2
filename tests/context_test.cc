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
