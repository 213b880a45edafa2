#include "support/support.h"
#include "support/temporary.h"

extern "C" {
#include "io/safetensors.h"
}

class Safetensors : public testing::Test {
 protected:
  void SetUp() override { APF_ASSERT_OK(apf_context_create(nullptr, &ctx)); }
  void TearDown() override
  {
    apf_safetensors_free(file);
    apf_context_destroy(ctx);
  }
  apf_status parse(const std::string &bytes)
  {
    apf_safetensors_free(file);
    return apf_safetensors_parse(ctx, "evil.safetensors", bytes.data(), bytes.size(), &file);
  }
  /** A file of this header and this many bytes of data. */
  static std::string made(const std::string &header, size_t data)
  {
    const uint64_t length = header.size();
    return std::string(reinterpret_cast<const char *>(&length), 8) + header +
           std::string(data, '\1');
  }
  /** A file with one tensor entry. */
  static std::string with_entry(const std::string &entry, size_t data)
  {
    return made("{\"x\":" + entry + "}", data);
  }
  void expect_refused(const std::string &bytes, std::initializer_list<const char *> words)
  {
    expect_failure(ctx, parse(bytes), APF_ERR_FORMAT, words);
    EXPECT_EQ(file, nullptr);
    EXPECT_NE(std::strstr(apf_last_error(ctx), "evil.safetensors"), nullptr);
  }
  apf_context *ctx = nullptr;
  apf_safetensors *file = nullptr;
  TemporaryFolder folder;
};

TEST_F(Safetensors, WhatIsWrittenIsReadBack)
{
  const std::string path = folder.file("m.safetensors");
  const double wide[] = {1.5, -2, 1e300, 0, -0.0, NAN};
  const float narrow = 0.1f;
  const uint8_t mask[] = {0, 1, 255};
  const int64_t step = -1234567890123;
  const apf_tensor tensors[] = {{"mask", APF_TENSOR_U8, 1, {3}, mask},
                                {"a \"quoted\" näme", APF_TENSOR_F64, 2, {2, 3}, wide},
                                {"gain", APF_TENSOR_F32, 0, {}, &narrow},
                                {"none", APF_TENSOR_I32, 2, {0, 7}, nullptr},
                                {"step", APF_TENSOR_I64, 0, {}, &step}};
  const apf_metadata metadata[] = {{"zebra", "1"}, {"effect", "line\n\"two\""}, {"a", ""}};

  APF_ASSERT_OK(apf_safetensors_write(ctx, path.c_str(), 5, tensors, 3, metadata));
  APF_ASSERT_OK(apf_safetensors_read(ctx, path.c_str(), &file));

  ASSERT_EQ(file->tensor_count, 5);
  for (const apf_tensor &want : tensors) {
    const apf_tensor *got = apf_safetensors_find(file, want.name);
    ASSERT_NE(got, nullptr) << want.name;
    EXPECT_EQ(got->type, want.type);
    ASSERT_EQ(got->rank, want.rank);
    EXPECT_TRUE(std::equal(got->shape, got->shape + got->rank, want.shape));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(got->data) % 64, 0u);
    const size_t bytes = apf_tensor_elements(got) * apf_tensor_type_bytes(got->type);
    EXPECT_TRUE(bytes == 0 || std::memcmp(got->data, want.data, bytes) == 0) << want.name;
  }
  EXPECT_EQ(apf_safetensors_find(file, "nothing"), nullptr);
  ASSERT_EQ(file->metadata_count, 3);
  for (int i = 0; i < 3; i++) {
    EXPECT_STREQ(file->metadata[i].key, metadata[i].key);
    EXPECT_STREQ(file->metadata[i].value, metadata[i].value);
  }
  EXPECT_STREQ(apf_safetensors_metadata(file, "a"), "");
  EXPECT_EQ(apf_safetensors_metadata(file, "b"), nullptr);
}

TEST_F(Safetensors, TheBytesAreThoseOfTheFormat)
{
  const uint8_t mask[] = {7, 8};
  const float gain = 1;
  const apf_tensor tensors[] = {{"m", APF_TENSOR_U8, 1, {2}, mask},
                                {"g", APF_TENSOR_F32, 0, {}, &gain}};
  const apf_metadata metadata[] = {{"k", "v"}};

  APF_ASSERT_OK(apf_safetensors_write(ctx, folder.file("m").c_str(), 2, tensors, 1, metadata));

  const std::string header =
      "{\"__metadata__\":{\"k\":\"v\"},"
      "\"g\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
      "\"m\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[4,6]}}";
  const size_t padding = (8 - header.size() % 8) % 8;
  EXPECT_EQ(read_bytes(folder.file("m")),
            made(header + std::string(padding, ' '), 0) + std::string("\0\0\200\77\7\10", 6));
}

TEST_F(Safetensors, EveryTypeConverts)
{
  const int8_t small = -3;
  const uint64_t large = uint64_t(1) << 52;
  const apf_tensor tensors[] = {{"i8", APF_TENSOR_I8, 0, {}, &small},
                                {"u64", APF_TENSOR_U64, 0, {}, &large}};
  double d[2];
  float f;

  apf_tensor_to_f64(&tensors[0], &d[0]);
  apf_tensor_to_f64(&tensors[1], &d[1]);
  apf_tensor_to_f32(&tensors[0], &f);

  EXPECT_EQ(d[0], -3);
  EXPECT_EQ(d[1], 4503599627370496.0);
  EXPECT_EQ(f, -3);
  for (int type = APF_TENSOR_BOOL; type <= APF_TENSOR_F64; type++) {
    const char one[8] = {0};
    const apf_tensor zero = {"zero", static_cast<apf_tensor_type>(type), 0, {}, one};
    d[0] = 1;
    apf_tensor_to_f64(&zero, d);
    EXPECT_EQ(d[0], 0) << apf_tensor_type_name(zero.type);
  }
}

TEST_F(Safetensors, UnalignedAndUnorderedTensorsAreRead)
{
  const std::string header =
      "{\"late\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[1,9]},"
      "\"early\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
      "\"empty\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[1,1]}}   ";
  std::string bytes = made(header, 9);
  const double value = 42;
  std::memcpy(&bytes[8 + header.size() + 1], &value, 8);

  APF_ASSERT_OK(parse(bytes));

  EXPECT_EQ(*static_cast<const double *>(apf_safetensors_find(file, "late")->data), 42);
  EXPECT_STREQ(file->tensors[0].name, "late");
  APF_EXPECT_OK(parse(made("{}", 0)));
  EXPECT_EQ(file->tensor_count, 0);
}

TEST_F(Safetensors, RequireChecksNameAndShape)
{
  APF_ASSERT_OK(
      parse(with_entry("{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}", 24)));
  const apf_tensor *tensor = nullptr;
  const int64_t any[] = {2, -1}, other[] = {-1, 4};

  APF_EXPECT_OK(apf_safetensors_require(ctx, file, "x", 2, any, &tensor));
  EXPECT_EQ(tensor, file->tensors);
  expect_failure(ctx, apf_safetensors_require(ctx, file, "x", 2, other, &tensor), APF_ERR_MISMATCH,
                 {"'x' has shape [2, 3], expected [any, 4]"});
  expect_failure(ctx, apf_safetensors_require(ctx, file, "x", 0, nullptr, &tensor),
                 APF_ERR_MISMATCH, {"expected []"});
  expect_failure(ctx, apf_safetensors_require(ctx, file, "y", 0, nullptr, &tensor), APF_ERR_FORMAT,
                 {"evil.safetensors has no tensor 'y'"});
  EXPECT_EQ(tensor, nullptr);
}

TEST_F(Safetensors, TruncatedAnywhereIsRefused)
{
  const std::string whole =
      with_entry("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}", 8);
  APF_ASSERT_OK(parse(whole));

  for (size_t length = 0; length < whole.size(); length++)
    EXPECT_EQ(parse(whole.substr(0, length)), APF_ERR_FORMAT) << length;
  expect_refused(whole.substr(0, 5), {"5 bytes"});
  expect_refused(whole.substr(0, 20), {"cut off after 12"});
  expect_refused(whole.substr(0, whole.size() - 1), {"'x'", "0, 8", "7 bytes"});
  expect_refused(whole + "z", {"end at 8, the data at 9"});
}

TEST_F(Safetensors, AbsurdHeaderLengthsAreRefused)
{
  for (const char *length : {"\xff\xff\xff\xff\xff\xff\xff\xff", "\xff\xff\xff\xff\xff\xff\xff\x7f",
                             "\xf8\xff\xff\xff\xff\xff\xff\xff", "RIFF\x10\0\0\0"})
    expect_refused(std::string(length, 8) + "{}", {"announces a header", "not a safetensors file"});
  expect_refused(made("", 4), {"does not begin with '{'"});
  expect_refused(made(" {}", 0), {"does not begin with '{'"});
}

TEST_F(Safetensors, BadJsonIsRefused)
{
  expect_refused(made("{\"x\":}", 0), {"not valid JSON"});
  expect_refused(made("{} trailing", 0), {"not valid JSON"});
  expect_refused(made("{\"x\xff\":1}", 0), {"not valid JSON"});
  expect_refused(made(std::string("{\"x\0y\":1}", 9), 0), {"not valid JSON"});
  const std::string empty = "{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}";
  expect_refused(made("{\"x\":" + empty + ",\"x\":" + empty + "}", 0), {"duplicate"});
  expect_refused(made("{\"x\":" + empty + ",\"\\u0078\":" + empty + "}", 0), {"duplicate"});
  expect_refused(made("{\"x\":[]}", 0), {"'x' is not an object"});
}

TEST_F(Safetensors, DeepAndHugeJsonIsRefused)
{
  expect_refused(made("{\"x\":" + std::string(1000000, '['), 0), {"nests deeper than 8"});
  std::string many = "{\"x\":[0";
  for (int i = 0; i < 4000001; i++) many += ",0";
  expect_refused(made(many + "]}", 0), {"more than 4000000 values"});
  std::string brackets(100, '[');
  expect_refused(made("{\"" + brackets + "\\\"" + brackets + "\":1}", 0), {"is not an object"});
}

TEST_F(Safetensors, BadEntriesAreNamed)
{
  expect_refused(with_entry("{\"dtype\":\"F8\",\"shape\":[],\"data_offsets\":[0,1]}", 1),
                 {"'x' has dtype 'F8'", "expected BOOL"});
  expect_refused(with_entry("{\"shape\":[],\"data_offsets\":[0,1]}", 1), {"dtype '(none)'"});
  expect_refused(with_entry("{\"dtype\":\"U8\",\"data_offsets\":[0,1]}", 1), {"the shape of"});
  for (const char *shape : {"3", "[1,1,1,1,1,1,1,1,1]", "{}"})
    expect_refused(
        with_entry(std::string("{\"dtype\":\"U8\",\"shape\":") + shape + ",\"data_offsets\":[0,1]}",
                   1),
        {"the shape of tensor 'x' is not a list of at most 8"});
  for (const char *shape : {"[-1]", "[1.0]", "[\"1\"]", "[null]"})
    expect_refused(
        with_entry(std::string("{\"dtype\":\"U8\",\"shape\":") + shape + ",\"data_offsets\":[0,1]}",
                   1),
        {"a size in the shape of tensor 'x'"});
  for (const char *offsets : {"[0]", "[0,1,1]", "[0,1.0]", "0", "null"})
    expect_refused(
        with_entry(std::string("{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":") + offsets + "}",
                   1),
        {"'x' are not two integers"});
  for (const char *offsets : {"[-1,0]", "[1,0]", "[0,2]", "[9223372036854775807,0]"})
    expect_refused(
        with_entry(std::string("{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":") + offsets + "}",
                   1),
        {"'x'", "expected rising offsets within the 1 bytes"});
  expect_refused(with_entry("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,3]}", 3),
                 {"'x' has 3 bytes, its type and shape need 4"});
  for (const char *shape : {"[4294967296,4294967296]", "[9223372036854775807]",
                            "[9223372036854775807,9223372036854775807]"})
    expect_refused(
        with_entry(
            std::string("{\"dtype\":\"F64\",\"shape\":") + shape + ",\"data_offsets\":[0,0]}", 0),
        {"'x' overflows 64 bits"});
  expect_refused(with_entry("{\"dtype\":\"U8\",\"shape\":[99999999999999999999]}", 0),
                 {"not valid JSON", "too big integer"});
}

TEST_F(Safetensors, OverlapsAndHolesAreRefused)
{
  const auto two = [](const char *first, const char *second) {
    return made(std::string("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":") + first +
                    "},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":" + second + "}}",
                4);
  };
  APF_EXPECT_OK(parse(two("[0,2]", "[2,4]")));
  APF_EXPECT_OK(parse(two("[2,4]", "[0,2]")));
  expect_refused(two("[0,2]", "[1,3]"), {"'b' begins at 1, expected 2", "overlap"});
  expect_refused(two("[0,2]", "[0,2]"), {"overlap"});
  expect_refused(two("[2,4]", "[1,3]"), {"'b' begins at 1, expected 0", "hole"});
}

TEST_F(Safetensors, MetadataMustBeStrings)
{
  expect_refused(made("{\"__metadata__\":{\"k\":1}}", 0), {"metadata 'k' is not a string"});
  expect_refused(made("{\"__metadata__\":[]}", 0), {"__metadata__ is not a map"});
}

TEST_F(Safetensors, MessagesShowNoControlCharacters)
{
  const std::string name = "\\u001b[2J" + std::string(500, 'n');

  expect_refused(made("{\"" + name + "\":1}", 0), {"'?[2Jnnn"});

  EXPECT_LT(std::strlen(apf_last_error(ctx)), 250u);
}

TEST_F(Safetensors, MissingAndForeignFilesAreNamed)
{
  expect_failure(ctx, apf_safetensors_read(ctx, folder.file("none").c_str(), &file), APF_ERR_FILE,
                 {"none", "No such file"});
  write_bytes(folder.file("text"), "This is just a text file.\n");
  expect_failure(ctx, apf_safetensors_read(ctx, folder.file("text").c_str(), &file), APF_ERR_FORMAT,
                 {"text", "not a safetensors file"});
  expect_failure(ctx, apf_safetensors_read(ctx, nullptr, &file), APF_ERR_ARGUMENT, {"NULL"});
}

TEST_F(Safetensors, WritingRefusesWhatCouldNotBeRead)
{
  const std::string path = folder.file("m");
  const double x = 1;
  const auto write = [&](std::vector<apf_tensor> tensors, std::vector<apf_metadata> metadata = {}) {
    return apf_safetensors_write(ctx, path.c_str(), static_cast<int>(tensors.size()),
                                 tensors.data(), static_cast<int>(metadata.size()),
                                 metadata.data());
  };
  const apf_tensor good = {"x", APF_TENSOR_F64, 0, {}, &x};

  expect_failure(ctx, write({good, good}), APF_ERR_ARGUMENT, {"'x' is there twice"});
  expect_failure(ctx, write({{nullptr, APF_TENSOR_F64, 0, {}, &x}}), APF_ERR_ARGUMENT,
                 {"name of a tensor is NULL"});
  expect_failure(ctx, write({{"\xff", APF_TENSOR_F64, 0, {}, &x}}), APF_ERR_ARGUMENT,
                 {"not UTF-8"});
  expect_failure(ctx, write({{"__metadata__", APF_TENSOR_F64, 0, {}, &x}}), APF_ERR_ARGUMENT,
                 {"reserved"});
  expect_failure(ctx, write({{"x", static_cast<apf_tensor_type>(99), 0, {}, &x}}), APF_ERR_ARGUMENT,
                 {"type of tensor 'x' is 99"});
  expect_failure(ctx, write({{"x", APF_TENSOR_F64, 9, {}, &x}}), APF_ERR_ARGUMENT,
                 {"rank of tensor 'x' is 9"});
  expect_failure(ctx, write({{"x", APF_TENSOR_F64, 1, {-1}, &x}}), APF_ERR_ARGUMENT,
                 {"size of tensor 'x' is -1"});
  expect_failure(ctx, write({{"x", APF_TENSOR_F64, 1, {INT64_MAX}, &x}}), APF_ERR_ARGUMENT,
                 {"overflows"});
  expect_failure(ctx, write({{"x", APF_TENSOR_F64, 1, {2}, nullptr}}), APF_ERR_ARGUMENT,
                 {"data of tensor 'x' is NULL"});
  expect_failure(ctx, write({good}, {{"k", nullptr}}), APF_ERR_ARGUMENT, {"'k' is NULL"});
  expect_failure(ctx, write({good}, {{"k", "1"}, {"k", "2"}}), APF_ERR_ARGUMENT,
                 {"'k' is there twice"});
  expect_failure(ctx, apf_safetensors_write(ctx, path.c_str(), 1, nullptr, 0, nullptr),
                 APF_ERR_ARGUMENT, {"tensor_count is 1 with no list"});
  EXPECT_EQ(folder.entries(), 0u);
}

TEST_F(Safetensors, ADiskThatFillsUpKeepsTheOldFile)
{
  const std::string path = folder.file("model");
  const std::vector<double> large(100000, 1.0), small(1, 2.0);
  const apf_tensor old = {"x", APF_TENSOR_F64, 1, {1}, small.data()};
  const apf_tensor replacement = {"x", APF_TENSOR_F64, 1, {100000}, large.data()};
  APF_ASSERT_OK(apf_safetensors_write(ctx, path.c_str(), 1, &old, 0, nullptr));
  const std::string before = read_bytes(path);

  for (rlim_t bytes : {0, 8, 60, 4096, 800000}) {
    FileSizeLimit limit(bytes);
    expect_failure(ctx, apf_safetensors_write(ctx, path.c_str(), 1, &replacement, 0, nullptr),
                   APF_ERR_FILE, {"cannot write", "model", "File too large"});
  }

  EXPECT_EQ(read_bytes(path), before);
  EXPECT_EQ(folder.entries(), 1u);
}
