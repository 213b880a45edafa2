#include "support/support.h"
#include "support/temporary.h"

extern "C" {
#include "io/file.h"
}

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

class File : public testing::Test {
 protected:
  void SetUp() override { APF_ASSERT_OK(apf_context_create(nullptr, &ctx)); }
  void TearDown() override { apf_context_destroy(ctx); }
  apf_status write(const std::string &path, const std::string &text)
  {
    return apf_write_file(ctx, path.c_str(), text.data(), text.size());
  }
  apf_context *ctx = nullptr;
  TemporaryFolder folder;
};

TEST_F(File, WritesWhatIsReadBackAndLeavesNothingElse)
{
  const std::string path = folder.file("a.json"), text("{\"x\": 1}\0tail", 13);
  char *bytes = nullptr;
  size_t count = 0;

  APF_ASSERT_OK(write(path, "an older and longer text than the new one"));
  APF_ASSERT_OK(write(path, text));
  APF_ASSERT_OK(apf_read_file(ctx, path.c_str(), 1000, &bytes, &count));

  EXPECT_EQ(std::string(bytes, count), text);
  EXPECT_EQ(bytes[count], '\0');
  EXPECT_EQ(folder.entries(), 1u);
  free(bytes);
}

TEST_F(File, NewFilesObeyTheUmask)
{
  const mode_t before = umask(027);

  APF_EXPECT_OK(write(folder.file("a"), "x"));

  umask(before);
  struct stat there;
  ASSERT_EQ(stat(folder.file("a").c_str(), &there), 0);
  EXPECT_EQ(there.st_mode & 0777, 0640u);
}

TEST_F(File, AFileThatCannotGrowLeavesTheOldOne)
{
  const std::string path = folder.file("kept");
  APF_ASSERT_OK(write(path, "old"));
  {
    FileSizeLimit limit(1000);

    expect_failure(ctx, write(path, std::string(5000, 'x')), APF_ERR_FILE,
                   {"kept", "File too large"});
  }
  EXPECT_EQ(read_bytes(path), "old");
  EXPECT_EQ(folder.entries(), 1u);
}

/** Exit code of `body`, run with a file system of 64 KiB on `path`; 77: it cannot be mounted. */
static int on_a_small_disk(const std::string &path, const std::function<int()> &body)
{
  const pid_t child = fork();
  if (child == 0) {
    const bool alone = unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
    const bool mounted = alone && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                         mount("tmpfs", path.c_str(), "tmpfs", 0, "size=65536") == 0;
    _exit(mounted ? body() : 77);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(File, AFullDiskLeavesTheOldFile)
{
  const int result = on_a_small_disk(folder.path(), [&] {
    const std::string path = folder.file("kept");
    if (write(path, "old") != APF_OK) return 1;
    if (write(path, std::string(200000, 'x')) != APF_ERR_FILE) return 2;
    if (!std::strstr(apf_last_error(ctx), "No space left on device")) return 3;
    if (read_bytes(path) != "old") return 4;
    return folder.entries() == 1 ? 0 : 5;
  });

  if (result == 77) GTEST_SKIP() << "mounting a small tmpfs is not permitted here";
  EXPECT_EQ(result, 0);
}

TEST_F(File, AbandonedOutputVanishes)
{
  apf_output *output = nullptr;
  APF_ASSERT_OK(apf_output_open(ctx, folder.file("a").c_str(), &output));
  APF_EXPECT_OK(apf_output_write(output, "half", 4));
  EXPECT_EQ(folder.entries(), 1u);

  apf_output_discard(output);

  EXPECT_EQ(folder.entries(), 0u);
}

TEST_F(File, ALinkIsFollowedAndKept)
{
  APF_ASSERT_OK(write(folder.file("real"), "old"));
  ASSERT_EQ(symlink("real", folder.file("link").c_str()), 0);

  APF_EXPECT_OK(write(folder.file("link"), "new"));

  EXPECT_TRUE(std::filesystem::is_symlink(folder.file("link")));
  EXPECT_EQ(read_bytes(folder.file("real")), "new");
}

TEST_F(File, WhatCannotBeWrittenIsNamed)
{
  expect_failure(ctx, write(folder.file("no/such/folder"), "x"), APF_ERR_FILE,
                 {"no/such/folder", "No such file or directory"});
  expect_failure(ctx, write(folder.path(), "x"), APF_ERR_FILE, {"not a regular file"});
  expect_failure(ctx, write("/dev/full", "x"), APF_ERR_FILE, {"/dev/full", "not a regular file"});
  expect_failure(ctx, write("", "x"), APF_ERR_ARGUMENT, {"path is empty"});
  expect_failure(ctx, apf_write_file(ctx, nullptr, "x", 1), APF_ERR_ARGUMENT, {"path is NULL"});
  expect_failure(nullptr, apf_write_file(nullptr, "", "x", 1), APF_ERR_ARGUMENT, {"empty"});
}

TEST_F(File, WhatCannotBeReadIsNamed)
{
  char *bytes = nullptr;
  APF_ASSERT_OK(write(folder.file("ten"), "0123456789"));
  ASSERT_EQ(mkfifo(folder.file("pipe").c_str(), 0600), 0);
  const auto read = [&](const std::string &path) {
    return apf_read_file(ctx, path.c_str(), 9, &bytes, nullptr);
  };

  expect_failure(ctx, read(folder.file("none")), APF_ERR_FILE, {"none", "No such file"});
  expect_failure(ctx, read(folder.path()), APF_ERR_FILE, {"not a regular file"});
  expect_failure(ctx, read(folder.file("pipe")), APF_ERR_FILE, {"not a regular file"});
  expect_failure(ctx, read(folder.file("ten")), APF_ERR_FORMAT, {"10 bytes", "at most 9"});
  EXPECT_EQ(bytes, nullptr);
}

TEST_F(File, AFileThatShrinksWhileReadIsTruncated)
{
  const std::string path = folder.file("short");
  APF_ASSERT_OK(write(path, "0123456789"));
  int descriptor = -1;
  int64_t size = 0;
  char bytes[20];
  APF_ASSERT_OK(apf_open_file(ctx, path.c_str(), &descriptor, &size));
  EXPECT_EQ(size, 10);

  expect_failure(ctx, apf_read_at(ctx, path.c_str(), descriptor, 4, bytes, sizeof bytes),
                 APF_ERR_FILE, {"short ends at byte 10", "expected 14 more"});

  close(descriptor);
}

TEST_F(File, FoldersAreMadeWithTheirParents)
{
  const std::string deep = folder.file("a/b//c/");

  APF_EXPECT_OK(apf_make_directory(ctx, deep.c_str()));
  APF_EXPECT_OK(apf_make_directory(ctx, deep.c_str()));
  EXPECT_TRUE(std::filesystem::is_directory(folder.file("a/b/c")));

  APF_ASSERT_OK(write(folder.file("file"), "x"));
  expect_failure(ctx, apf_make_directory(ctx, folder.file("file/sub").c_str()), APF_ERR_FILE,
                 {"file/sub", "Not a directory"});
  expect_failure(ctx, apf_make_directory(ctx, folder.file("file").c_str()), APF_ERR_FILE,
                 {"Not a directory"});
}
