/* Models: names, human units, options, files. The equations are tested with each effect. */
#include "support/support.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace fs = std::filesystem;

class Model : public testing::Test {
 protected:
  void SetUp() override
  {
    ASSERT_EQ(apf_context_create(nullptr, &ctx), APF_OK);
    APF_ASSERT_OK(apf_model_create(ctx, "compressor", 44100, &model));
    char pattern[] = "/tmp/allpole-model-XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    dir = pattern;
  }
  void TearDown() override
  {
    apf_model_destroy(model);
    apf_context_destroy(ctx);
    fs::remove_all(dir);
  }
  double get(const apf_model *from, const char *name)
  {
    double value = NAN;
    APF_EXPECT_OK(apf_model_get(ctx, from, name, &value));
    return value;
  }
  std::string path(const char *name) { return (dir / name).string(); }
  std::string contents(const char *name)
  {
    std::ifstream file(dir / name, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  /** Saves, changes bytes, loads. */
  apf_status load_changed(const std::string &from, const std::string &to)
  {
    APF_EXPECT_OK(apf_model_save(ctx, model, path("m").c_str()));
    std::string bytes = contents("m");
    EXPECT_NE(bytes.find(from), std::string::npos) << from;
    bytes.replace(bytes.find(from), from.size(), to);
    std::ofstream(dir / "m", std::ios::binary) << bytes;
    apf_model *loaded = nullptr;
    apf_status status = apf_model_load(ctx, path("m").c_str(), &loaded);
    EXPECT_EQ(loaded == nullptr, status != APF_OK);
    apf_model_destroy(loaded);
    return status;
  }
  apf_context *ctx = nullptr;
  apf_model *model = nullptr;
  fs::path dir;
};

TEST_F(Model, ParametersStartWhereTheyAreSaidTo)
{
  ASSERT_GT(apf_model_parameter_count(model), 0);
  for (int i = 0; i < apf_model_parameter_count(model); i++) {
    const apf_parameter_info *info = apf_model_parameter_info(model, i);
    EXPECT_NEAR(apf_model_parameter(model, i), info->initial, 1e-4 * std::abs(info->initial))
        << info->name;
    EXPECT_LT(info->minimum, info->maximum);
  }
  EXPECT_EQ(apf_model_parameter_info(model, -1), nullptr);
  EXPECT_EQ(apf_model_parameter_info(model, 99), nullptr);
  EXPECT_TRUE(std::isnan(apf_model_parameter(model, 99)));
  EXPECT_EQ(apf_model_option(model, 99), nullptr);
  EXPECT_EQ(apf_model_tensor(model, 99, nullptr, nullptr, nullptr), -1);
}

TEST_F(Model, ValuesComeBackAsTheyWereSet)
{
  for (int i = 0; i < apf_model_parameter_count(model); i++) {
    const apf_parameter_info *info = apf_model_parameter_info(model, i);
    const double value = info->initial > 0 ? info->initial * 1.5 : info->initial - 3;
    APF_ASSERT_OK(apf_model_set(ctx, model, info->name, value));
    EXPECT_NEAR(get(model, info->name), value, 1e-9 * std::abs(value)) << info->name;
  }
}

TEST_F(Model, WrongNamesAndValuesAreExplained)
{
  expect_failure(ctx, apf_model_set(ctx, model, "treshold", -3), APF_ERR_ARGUMENT,
                 {"no \"treshold\"", "did you mean \"threshold\""});
  expect_failure(ctx, apf_model_set(ctx, model, "ratio", 0), APF_ERR_ARGUMENT, {"ratio is 0"});
  expect_failure(ctx, apf_model_set(ctx, model, "ratio", NAN), APF_ERR_ARGUMENT, {"ratio is nan"});
  expect_failure(ctx, apf_model_set_text(ctx, model, "ratio", "four"), APF_ERR_ARGUMENT,
                 {"\"four\"", "a number"});
  expect_failure(ctx, apf_model_set_text(ctx, model, "ratio", "4x"), APF_ERR_ARGUMENT, {"4x"});
  expect_failure(ctx, apf_model_set_text(ctx, model, "variant", "t"), APF_ERR_ARGUMENT,
                 {"variant is \"t\"", "td|simple|fs"});
  expect_failure(ctx, apf_model_set_text(ctx, model, "variant", ""), APF_ERR_ARGUMENT,
                 {"variant is \"\""});
  expect_failure(ctx, apf_model_set_text(ctx, model, "look_ahead", "1.5"), APF_ERR_ARGUMENT,
                 {"look_ahead is \"1.5\""});
  expect_failure(ctx, apf_model_set_text(ctx, model, "xyz", "1"), APF_ERR_ARGUMENT, {"xyz"});
  double value;
  expect_failure(ctx, apf_model_get(ctx, model, "ratios", &value), APF_ERR_ARGUMENT, {"\"ratio\""});
}

TEST_F(Model, RefusedOptionLeavesTheModelAsItWas)
{
  APF_ASSERT_OK(apf_model_set_text(ctx, model, "look_ahead", "16"));

  expect_failure(ctx, apf_model_set_text(ctx, model, "look_ahead", "-1"), APF_ERR_ARGUMENT,
                 {"look_ahead"});

  for (int i = 0; i < apf_model_option_count(model); i++) {
    if (std::strcmp(apf_model_option_info(model, i)->name, "look_ahead") != 0) continue;
    EXPECT_STREQ(apf_model_option(model, i), "16");
  }
  EXPECT_GT(apf_model_tensor_count(model), 0);
}

TEST_F(Model, CreationRefusesUnknownEffectsAndRates)
{
  apf_model *other = nullptr;
  expect_failure(ctx, apf_model_create(ctx, "flanger", 44100, &other), APF_ERR_ARGUMENT,
                 {"flanger", "compressor"});
  expect_failure(ctx, apf_model_create(ctx, nullptr, 44100, &other), APF_ERR_ARGUMENT, {"NULL"});
  expect_failure(ctx, apf_model_create(ctx, "compressor", 100, &other), APF_ERR_ARGUMENT,
                 {"100 Hz", "8000"});
  EXPECT_EQ(other, nullptr);
}

TEST_F(Model, FilesHoldEverythingAndAreTheSameBytesEachTime)
{
  APF_ASSERT_OK(apf_model_set_text(ctx, model, "look_ahead", "7"));
  APF_ASSERT_OK(apf_model_set(ctx, model, "ratio", 3.25));
  APF_ASSERT_OK(apf_model_save(ctx, model, path("a").c_str()));
  APF_ASSERT_OK(apf_model_save(ctx, model, path("b").c_str()));

  apf_model *loaded = nullptr;
  APF_ASSERT_OK(apf_model_load(ctx, path("a").c_str(), &loaded));

  EXPECT_EQ(contents("a"), contents("b"));
  EXPECT_NE(contents("a").find("\"parameter.ratio\":\"3.25\""), std::string::npos);
  EXPECT_STREQ(apf_model_effect(loaded), "compressor");
  EXPECT_EQ(apf_model_sample_rate(loaded), 44100);
  for (int i = 0; i < apf_model_option_count(model); i++)
    EXPECT_STREQ(apf_model_option(loaded, i), apf_model_option(model, i));
  for (int i = 0; i < apf_model_parameter_count(model); i++)
    EXPECT_EQ(apf_model_parameter(loaded, i), apf_model_parameter(model, i));
  apf_model_destroy(loaded);
}

TEST_F(Model, ForeignAndDamagedFilesAreRefused)
{
  expect_failure(ctx, load_changed("allpole-model", "another-model"), APF_ERR_FORMAT,
                 {"no allpole model", "another-model"});
  expect_failure(ctx, load_changed("\"version\":\"1\"", "\"version\":\"9\""), APF_ERR_FORMAT,
                 {"version 9", "version 1"});
  expect_failure(ctx, load_changed("\"compressor\"", "\"decompress\""), APF_ERR_FORMAT,
                 {"decompress", "expected one of"});
  expect_failure(ctx, load_changed("\"ratio_logit\"", "\"ratio_login\""), APF_ERR_FORMAT,
                 {"lacks the tensor \"ratio_logit\""});
  expect_failure(ctx, load_changed("\"option.variant\":\"td\"", "\"option.variant\":\"zz\""),
                 APF_ERR_FORMAT, {"variant is \"zz\""});
}

TEST_F(Model, AnotherSampleRateKeepsTimesAndLevels)
{
  APF_ASSERT_OK(apf_model_set(ctx, model, "attack", 7));
  APF_ASSERT_OK(apf_model_set(ctx, model, "threshold", -31));

  APF_ASSERT_OK(apf_model_set_sample_rate(ctx, model, 96000));

  EXPECT_EQ(apf_model_sample_rate(model), 96000);
  EXPECT_NEAR(get(model, "attack"), 7, 1e-9);
  EXPECT_NEAR(get(model, "threshold"), -31, 1e-12);
  expect_failure(ctx, apf_model_set_sample_rate(ctx, model, 1), APF_ERR_ARGUMENT, {"1 Hz"});
}

TEST_F(Model, PublishedParametersAreImported)
{
  apf_model *other = nullptr;
  APF_ASSERT_OK(apf_model_copy(ctx, model, &other));
  APF_ASSERT_OK(apf_model_set(ctx, other, "ratio", 9));
  APF_ASSERT_OK(apf_model_save(ctx, other, path("foreign").c_str()));

  APF_ASSERT_OK(apf_model_import(ctx, model, path("foreign").c_str()));

  EXPECT_NEAR(get(model, "ratio"), 9, 1e-12);
  apf_model_destroy(other);
  std::ofstream(dir / "text") << "no safetensors";
  expect_failure(ctx, apf_model_import(ctx, model, path("text").c_str()), APF_ERR_FORMAT, {"text"});
  expect_failure(ctx, apf_model_import(ctx, model, path("absent").c_str()), APF_ERR_FILE,
                 {"absent"});
  EXPECT_NEAR(get(model, "ratio"), 9, 1e-12);
}

TEST_F(Model, RenderingRefusesWhatCannotBeRendered)
{
  std::vector<float> x(64, 0.5f), y(64, -7.0f);
  x[40] = NAN;

  expect_failure(ctx, apf_model_render(ctx, model, 2, 32, 0, x.data(), y.data()),
                 APF_ERR_NOT_FINITE, {"channel 1, frame 8"});
  EXPECT_EQ(y, std::vector<float>(64, -7.0f));
  expect_failure(ctx, apf_model_render(ctx, model, -1, 32, 0, x.data(), y.data()), APF_ERR_ARGUMENT,
                 {"channels is -1"});
  expect_failure(ctx, apf_model_render(ctx, model, 1, 32, NAN, x.data(), y.data()),
                 APF_ERR_ARGUMENT, {"start_s"});
  expect_failure(ctx, apf_model_render(ctx, model, 1, 32, 0, nullptr, y.data()), APF_ERR_ARGUMENT,
                 {"NULL"});
  APF_EXPECT_OK(apf_model_render(ctx, model, 0, 32, 0, nullptr, nullptr));
  APF_EXPECT_OK(apf_model_render(ctx, model, 1, 0, 0, nullptr, nullptr));
}

TEST_F(Model, RenderingInPlaceIsTheSame)
{
  const auto x = random_values<float>(2000, 3);
  std::vector<float> y(x.size()), in_place = x;

  APF_ASSERT_OK(apf_model_render(ctx, model, 2, 1000, 0, x.data(), y.data()));
  APF_ASSERT_OK(apf_model_render(ctx, model, 2, 1000, 0, in_place.data(), in_place.data()));

  EXPECT_EQ(y, in_place);
  EXPECT_NE(y, x);
}
