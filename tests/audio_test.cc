#include "support/support.h"
#include "support/temporary.h"

#include <sndfile.h>

class Audio : public testing::Test {
 protected:
  void SetUp() override { APF_ASSERT_OK(apf_context_create(nullptr, &ctx)); }
  void TearDown() override
  {
    apf_audio_free(&got);
    apf_context_destroy(ctx);
  }
  /** 2 channels at 1000 Hz: 0, 1, 2, ... thousandths, the second channel negative. */
  apf_audio ramp(int64_t frames)
  {
    samples.resize(2 * frames);
    for (int64_t t = 0; t < frames; t++) {
      samples[t] = static_cast<float>(t) / 1000;
      samples[frames + t] = -samples[t];
    }
    return {2, 1000, frames, samples.data()};
  }
  apf_status write(const apf_audio &audio, apf_audio_format format = APF_AUDIO_FLOAT32)
  {
    return apf_audio_write(ctx, path.c_str(), format, &audio);
  }
  apf_status read(double start = 0, double end = -1)
  {
    apf_audio_free(&got);
    return apf_audio_read(ctx, path.c_str(), start, end, &got);
  }
  /** Overwrites one interleaved float of the WAV file. */
  void patch(int64_t index, float value)
  {
    std::string bytes = read_bytes(path);
    std::memcpy(&bytes[bytes.find("data") + 8 + index * 4], &value, 4);
    write_bytes(path, bytes);
  }
  apf_context *ctx = nullptr;
  apf_audio got = {};
  std::vector<float> samples;
  TemporaryFolder folder;
  std::string path = folder.file("sound.wav");
};

TEST_F(Audio, FloatIsReadBackExactlyAndIntegersToHalfAStep)
{
  const std::pair<apf_audio_format, double> cases[] = {
      {APF_AUDIO_FLOAT32, 0}, {APF_AUDIO_PCM16, 1.01 / 65536}, {APF_AUDIO_PCM24, 1.01 / 16777216}};
  for (const auto &[format, tolerance] : cases) {
    const apf_audio audio = ramp(990);

    APF_ASSERT_OK(write(audio, format));
    APF_ASSERT_OK(read());

    ASSERT_EQ(got.channels, 2);
    ASSERT_EQ(got.sample_rate, 1000);
    ASSERT_EQ(got.frames, 990);
    for (size_t i = 0; i < samples.size(); i++)
      ASSERT_NEAR(got.samples[i], samples[i], tolerance) << format << " " << i;
  }
  EXPECT_EQ(folder.entries(), 1u);
}

TEST_F(Audio, ManyBlocksAndTheSameBytesTwice)
{
  const apf_audio audio = ramp(200001);

  APF_ASSERT_OK(write(audio));
  const std::string once = read_bytes(path);
  APF_ASSERT_OK(write(audio));

  EXPECT_EQ(read_bytes(path), once);
  APF_ASSERT_OK(read());
  EXPECT_EQ(std::vector<float>(got.samples, got.samples + 2 * got.frames), samples);
}

TEST_F(Audio, IntegersClipAtFullScale)
{
  float loud[] = {2, -2, 1, -1};
  const apf_audio audio = {1, 8000, 4, loud};

  APF_ASSERT_OK(write(audio, APF_AUDIO_PCM16));
  APF_ASSERT_OK(read());

  for (int i = 0; i < 4; i++) EXPECT_EQ(got.samples[i], i % 2 ? -1.0f : 32767.0f / 32768);
}

TEST_F(Audio, OtherContainersAreReadWholeAndInParts)
{
  const std::tuple<int, const char *, double> cases[] = {
      {SF_FORMAT_FLAC | SF_FORMAT_PCM_24, "flac", 1e-6},
      {SF_FORMAT_AIFF | SF_FORMAT_PCM_24, "aiff", 1e-6},
      {SF_FORMAT_OGG | SF_FORMAT_VORBIS, "ogg", 0.05}};
  for (const auto &[format, extension, tolerance] : cases) {
    SF_INFO info = {};
    info.channels = 1;
    info.samplerate = 44100;
    info.format = format;
    std::vector<float> sine(44100);
    for (size_t t = 0; t < sine.size(); t++) sine[t] = 0.5f * std::sin(0.03f * t);
    path = folder.file(std::string("sound.") + extension);
    SNDFILE *file = sf_open(path.c_str(), SFM_WRITE, &info);
    ASSERT_NE(file, nullptr) << extension;
    sf_writef_float(file, sine.data(), 44100);
    sf_close(file);

    for (double start : {0.0, 0.5}) {
      APF_ASSERT_OK(read(start));

      const int64_t skipped = static_cast<int64_t>(start * 44100);
      ASSERT_EQ(got.frames, 44100 - skipped) << extension;
      for (int64_t t = 0; t < got.frames; t++)
        ASSERT_NEAR(got.samples[t], sine[skipped + t], tolerance) << extension << " " << t;
    }
  }
}

TEST_F(Audio, APartIsReadInSeconds)
{
  APF_ASSERT_OK(write(ramp(5000)));

  APF_ASSERT_OK(read(1.2344, 1.25));

  ASSERT_EQ(got.frames, 16);
  EXPECT_FLOAT_EQ(got.samples[0], 1.234f);
  EXPECT_FLOAT_EQ(got.samples[16], -1.234f);
  APF_ASSERT_OK(read(4.999));
  EXPECT_EQ(got.frames, 1);
  APF_ASSERT_OK(read(0, 5));
  EXPECT_EQ(got.frames, 5000);
}

TEST_F(Audio, PartsOutsideTheFileAreRefused)
{
  APF_ASSERT_OK(write(ramp(5000)));

  expect_failure(ctx, read(1, 6), APF_ERR_ARGUMENT, {"from 1 s to 6 s", "sound.wav", "has 5 s"});
  expect_failure(ctx, read(5), APF_ERR_ARGUMENT, {"outside"});
  expect_failure(ctx, read(-1), APF_ERR_ARGUMENT, {"outside"});
  expect_failure(ctx, read(NAN), APF_ERR_ARGUMENT, {"outside"});
  expect_failure(ctx, read(0, NAN), APF_ERR_ARGUMENT, {"outside"});
  expect_failure(ctx, read(2, 1), APF_ERR_ARGUMENT, {"no samples"});
  expect_failure(ctx, read(1, 1.0001), APF_ERR_ARGUMENT, {"no samples"});
  EXPECT_EQ(got.samples, nullptr);
}

TEST_F(Audio, TheFirstSampleThatIsNotFiniteIsNamed)
{
  APF_ASSERT_OK(write(ramp(5000)));
  patch(2 * 3000, INFINITY);
  patch(2 * 2345 + 1, NAN);

  expect_failure(ctx, read(), APF_ERR_NOT_FINITE,
                 {"sound.wav", "channel 2", "NaN at 2.345", "sample 2345"});
  expect_failure(ctx, read(2.5), APF_ERR_NOT_FINITE, {"channel 1", "infinity at 3.0", "3000"});
  APF_EXPECT_OK(read(0, 2));

  apf_audio bad = ramp(10);
  samples[13] = NAN;
  expect_failure(ctx, write(bad), APF_ERR_NOT_FINITE, {"channel 2 has NaN at 0.003"});
}

TEST_F(Audio, FilesThatAreNotAudioAreNamed)
{
  expect_failure(ctx, read(), APF_ERR_FILE, {"sound.wav", "No such file"});
  write_bytes(path, "This is a text, not a sound. It goes on for a while, to look like a file.");
  expect_failure(ctx, read(), APF_ERR_FORMAT, {"sound.wav is not an audio file"});
  write_bytes(path, "");
  expect_failure(ctx, read(), APF_ERR_FORMAT, {"it is empty"});
  expect_failure(ctx, apf_audio_read(ctx, folder.path().c_str(), 0, -1, &got), APF_ERR_FILE,
                 {"not a regular file"});
}

TEST_F(Audio, NoSamplesAndMissingSamplesAreRefused)
{
  APF_ASSERT_OK(write(ramp(5000)));
  const std::string whole = read_bytes(path);
  const size_t data = whole.find("data") + 8;
  std::string none = whole.substr(0, data);
  std::memset(&none[data - 4], 0, 4);

  write_bytes(path, none);
  expect_failure(ctx, read(), APF_ERR_FORMAT, {"sound.wav has no samples"});
  for (size_t length : {size_t(4), size_t(20), data - 8, data}) {
    write_bytes(path, whole.substr(0, length));
    EXPECT_EQ(read(), APF_ERR_FORMAT) << length << ": " << apf_last_error(ctx);
  }
}

TEST_F(Audio, AHeaderThatAnnouncesTooManySamplesIsRefused)
{
  SF_INFO info = {};
  info.channels = 1;
  info.samplerate = 44100;
  info.format = SF_FORMAT_FLAC | SF_FORMAT_PCM_16;
  const std::vector<float> silence(1000);
  path = folder.file("lying.flac");
  SNDFILE *file = sf_open(path.c_str(), SFM_WRITE, &info);
  ASSERT_NE(file, nullptr);
  sf_writef_float(file, silence.data(), 1000);
  sf_close(file);
  std::string bytes = read_bytes(path);

  /* The last 36 bits of the 8 bytes at 18 are the number of samples. */
  bytes.replace(22, 4, "\0\0\x10\0", 4);
  write_bytes(path, bytes);
  expect_failure(ctx, read(), APF_ERR_FORMAT, {"lying.flac is truncated", "1000 samples of 4096"});
  bytes.replace(22, 4, "\xff\xff\xff\xff");
  bytes[21] = static_cast<char>(bytes[21] | 0x0f);
  write_bytes(path, bytes);

  expect_failure(ctx, read(), APF_ERR_FORMAT, {"1000 samples of 68719476735"});
  EXPECT_EQ(got.samples, nullptr);
}

TEST_F(Audio, BadArgumentsAreNamed)
{
  const apf_audio good = ramp(10);
  apf_audio bad = good;

  bad.channels = 0;
  expect_failure(ctx, write(bad), APF_ERR_ARGUMENT, {"0 channels of 10 samples at 1000 Hz"});
  bad = good;
  bad.frames = 0;
  expect_failure(ctx, write(bad), APF_ERR_ARGUMENT, {"2 channels of 0 samples"});
  bad.frames = INT64_MAX / 2;
  expect_failure(ctx, write(bad), APF_ERR_ARGUMENT, {"more than the 4 GiB"});
  bad = good;
  bad.samples = nullptr;
  expect_failure(ctx, write(bad), APF_ERR_ARGUMENT, {"samples are NULL"});
  expect_failure(ctx, write(good, static_cast<apf_audio_format>(9)), APF_ERR_ARGUMENT,
                 {"format is 9"});
  expect_failure(ctx, apf_audio_write(ctx, nullptr, APF_AUDIO_PCM16, &good), APF_ERR_ARGUMENT,
                 {"path is NULL"});
  expect_failure(ctx, apf_audio_read(ctx, nullptr, 0, -1, &got), APF_ERR_ARGUMENT,
                 {"path is NULL"});
  expect_failure(ctx, apf_audio_read(ctx, "x", 0, -1, nullptr), APF_ERR_ARGUMENT, {"out is NULL"});
  expect_failure(nullptr, apf_audio_read(nullptr, "x", 0, -1, &got), APF_ERR_ARGUMENT,
                 {"ctx is NULL"});
  EXPECT_EQ(folder.entries(), 0u);
  apf_audio_free(nullptr);
}

TEST_F(Audio, ADiskThatFillsUpKeepsTheOldFile)
{
  APF_ASSERT_OK(write(ramp(100)));
  const std::string before = read_bytes(path);

  for (rlim_t bytes : {0, 30, 4096, 40000}) {
    FileSizeLimit limit(bytes);
    expect_failure(ctx, write(ramp(5000)), APF_ERR_FILE, {"sound.wav", "File too large"});
  }

  EXPECT_EQ(read_bytes(path), before);
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(AudioSegment, IsParsed)
{
  apf_context *ctx = nullptr;
  ASSERT_EQ(apf_context_create(nullptr, &ctx), APF_OK);
  const std::tuple<const char *, double, double> good[] = {
      {"2.5:10", 2.5, 10}, {":10", 0, 10}, {"5:", 5, -1}, {":", 0, -1}, {"0:1e1", 0, 10}};
  double start = 99, end = 99;

  for (const auto &[text, want_start, want_end] : good) {
    APF_EXPECT_OK(apf_audio_parse_segment(ctx, text, &start, &end));
    EXPECT_EQ(start, want_start) << text;
    EXPECT_EQ(end, want_end) << text;
  }
  for (const char *text :
       {"", "5", "a:b", "1:2:3", "-1:2", "1:-2", "1: 2", "nan:2", "0:inf", "1s:2"})
    expect_failure(ctx, apf_audio_parse_segment(ctx, text, &start, &end), APF_ERR_ARGUMENT,
                   {"expected START:END"});
  for (const char *text : {"2:2", "3:2", "0:0"})
    expect_failure(ctx, apf_audio_parse_segment(ctx, text, &start, &end), APF_ERR_ARGUMENT,
                   {"expected later"});
  expect_failure(ctx, apf_audio_parse_segment(ctx, nullptr, &start, &end), APF_ERR_ARGUMENT,
                 {"NULL"});
  apf_context_destroy(ctx);
}
