/**
 * Gives a fuzz target every file of the folders named on the command line, without a fuzzer: what
 * it once found stays found, with any compiler.
 */
#include "io/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/** @return 1 if the file was replayed, 0 if it is a folder, -1 on failure. */
static int replay_file(const char *folder, const char *name)
{
  enum { LIMIT = 1 << 24 };
  char path[4096];
  char *bytes = NULL;
  size_t count = 0;
  if (name[0] == '.') return 0;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  if (apf_read_file(NULL, path, LIMIT, &bytes, &count) != APF_OK) {
    fprintf(stderr, "%s\n", apf_last_error(NULL));
    return -1;
  }
  LLVMFuzzerTestOneInput((const uint8_t *)bytes, count);
  free(bytes);
  return 1;
}

static int replay_folder(const char *path)
{
  DIR *folder = opendir(path);
  if (!folder) {
    perror(path);
    return -1;
  }
  int replayed = 0;
  for (struct dirent *entry = readdir(folder); entry && replayed >= 0; entry = readdir(folder)) {
    const int one = replay_file(path, entry->d_name);
    replayed = one < 0 ? -1 : replayed + one;
  }
  closedir(folder);
  if (replayed >= 0) printf("%s: %d inputs\n", path, replayed);
  return replayed;
}

int main(int argc, char **argv)
{
  if (argc < 2) fprintf(stderr, "usage: %s FOLDER...\n", argv[0]);
  int failed = argc < 2;
  for (int i = 1; i < argc; i++)
    if (replay_folder(argv[i]) <= 0) failed = 1;
  return failed;
}
