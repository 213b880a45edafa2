/** The command `allpole`: picks the subcommand. Everything below uses the public headers only. */
#include "cli.h"

#include <stdio.h>
#include <string.h>

static const struct {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *summary;
} commands[] = {
    {"train", command_train, "learn an effect from a dry and a wet recording"},
    {"render", command_render, "apply a learned effect to a recording"},
    {"evaluate", command_evaluate, "compare a rendering, or a model's, with a target recording"},
    {"import", command_import, "make a model file of published parameters"},
    {"info", command_info, "what this build and this machine offer"},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void help(FILE *to)
{
  fputs("usage: allpole COMMAND [options]\n\n", to);
  for (int i = 0; i < COMMAND_COUNT; i++)
    fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
  fputs(
      "\n"
      "A first session:\n"
      "  allpole train compressor --input dry.wav --target wet.wav --out run\n"
      "  allpole render --model run/best.safetensors --input song.wav --out song_wet.wav\n"
      "  allpole evaluate --model run/best.safetensors --input dry.wav --target wet.wav\n"
      "\n"
      "'allpole COMMAND --help' explains each. Exit status: 0 success, 1 the data or the machine\n"
      "refused, 2 the command line was wrong.\n",
      to);
}

int main(int argc, char **argv)
{
  if (argc < 2) {
    help(stderr);
    return EXIT_USAGE;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
      strcmp(argv[1], "help") == 0) {
    help(stdout);
    return EXIT_OK;
  }
  if (strcmp(argv[1], "--version") == 0) {
    printf("allpole %s\n", apf_version());
    return EXIT_OK;
  }
  for (int i = 0; i < COMMAND_COUNT; i++) {
    if (strcmp(argv[1], commands[i].name) != 0) continue;
    char title[64]; /* what getopt puts before its messages */
    snprintf(title, sizeof title, "allpole %s", commands[i].name);
    argv[1] = title;
    return commands[i].run(argc - 1, argv + 1);
  }
  fprintf(stderr, "allpole: \"%s\" is no command\n\n", argv[1]);
  help(stderr);
  return EXIT_USAGE;
}
