/* Notes as arrays played again, over every backend. What a note then sounds like is tested against
 * the reference vectors synth__* and by the Python package, whose modules are written apart. */
#include "support/support.h"

namespace {

constexpr int kRate = 16000, kFrames = 700, kNotes = 3;

class Play : public OnEveryBackend {
 protected:
  void SetUp() override
  {
    OnEveryBackend::SetUp();
    APF_ASSERT_OK(apf_model_create(ctx, "synth", kRate, &model));
    APF_ASSERT_OK(apf_model_set_text(ctx, model, "channels", "2"));
  }
  void TearDown() override
  {
    apf_model_destroy(model);
    OnEveryBackend::TearDown();
  }
  apf_status play(int64_t count, int64_t first, float *to)
  {
    return apf_model_play(ctx, model, count, kFrames, &f0[first], &duration[first], &phase[first],
                          &x[first * kFrames], to);
  }

  apf_model *model = nullptr;
  std::vector<double> f0 = {110, 220, 331}, duration = {0.02, 0.03, 0.1}, phase = {0, 1, -2};
  std::vector<float> x = random_values<float>(kNotes * kFrames, 5);
};

TEST_P(Play, NotesSideBySideAreEachByItself)
{
  std::vector<float> all(x.size()), one(kFrames);
  APF_ASSERT_OK(play(kNotes, 0, all.data()));

  for (int n = 0; n < kNotes; n++) {
    APF_ASSERT_OK(play(1, n, one.data()));
    for (int t = 0; t < kFrames; t++) ASSERT_NEAR(one[t], all[n * kFrames + t], 1e-6) << n;
  }
}

TEST_P(Play, EveryNoteIsHeardAtItsPitchLengthAndPhase)
{
  std::vector<float> y(kFrames), other(kFrames);
  APF_ASSERT_OK(play(1, 0, y.data()));
  /* The voice is silent once the note is off, but for the filter's tail. */
  EXPECT_GT(std::fabs(*std::max_element(y.begin(), y.begin() + 320)), 1e-3);
  EXPECT_LT(std::fabs(y.back()), 1e-4);

  for (double *value : {&f0[0], &duration[0], &phase[0]}) {
    const double before = *value;
    *value += 0.01;
    APF_ASSERT_OK(play(1, 0, other.data()));
    EXPECT_NE(y, other);
    *value = before;
  }
}

TEST_P(Play, InPlaceIsTheSame)
{
  std::vector<float> y(x.size());
  APF_ASSERT_OK(play(kNotes, 0, y.data()));
  APF_ASSERT_OK(play(kNotes, 0, x.data()));
  EXPECT_EQ(x, y);
}

TEST_P(Play, RefusesWhatItCannotPlay)
{
  std::vector<float> y(x.size(), -7.0f);
  const auto refuses = [&](double *value, double wrong, const char *words) {
    const double before = *value;
    *value = wrong;
    expect_failure(ctx, play(kNotes, 0, y.data()), APF_ERR_ARGUMENT, {words});
    *value = before;
  };
  refuses(&f0[1], 1, "f0 is 1 at note 1");
  refuses(&duration[2], 0, "duration is 0 at note 2");
  refuses(&phase[0], NAN, "phase is nan at note 0");
  x[kFrames + 4] = INFINITY;
  expect_failure(ctx, play(kNotes, 0, y.data()), APF_ERR_NOT_FINITE, {"note 1, frame 4"});
  expect_failure(ctx, play(-1, 0, y.data()), APF_ERR_ARGUMENT, {"count is -1"});
  expect_failure(ctx, play(1, 0, nullptr), APF_ERR_ARGUMENT, {"x or y is NULL"});
  const auto short_note = apf_model_play(ctx, model, 1, 512, f0.data(), duration.data(),
                                         phase.data(), x.data(), y.data());
  expect_failure(ctx, short_note, APF_ERR_ARGUMENT, {"too short"});
  expect_failure(ctx,
                 apf_model_play(ctx, model, 1, 600, nullptr, duration.data(), phase.data(),
                                x.data(), y.data()),
                 APF_ERR_ARGUMENT, {"f0 is NULL"});
  EXPECT_EQ(y, std::vector<float>(x.size(), -7.0f));
  APF_EXPECT_OK(play(0, 0, y.data()));
}

TEST_P(Play, RefusesModelsThatTakeNoNotes)
{
  apf_model *compressor = nullptr;
  APF_ASSERT_OK(apf_model_create(ctx, "compressor", kRate, &compressor));
  expect_failure(ctx,
                 apf_model_play(ctx, compressor, 1, kFrames, f0.data(), duration.data(),
                                phase.data(), x.data(), x.data()),
                 APF_ERR_ARGUMENT, {"compressor takes no notes"});
  apf_model_destroy(compressor);
}

APF_ON_EVERY_BACKEND(Play);

}  // namespace
