/** compressor_step: times a step of the compressor's training, as apf_train() takes it. */
#include <allpole/allpole.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "usage: compressor_step FOLDER [SECONDS [THREADS [STEPS]]]\n"
    "\n"
    "Writes noise of that many seconds (60) at 44.1 kHz and a compressed copy into the new "
    "FOLDER,\n"
    "trains the published recipe on them by STEPS (41) steps with THREADS (0: all) and prints the\n"
    "median time of a step: forward, backward and update. Remove FOLDER afterwards.\n";

enum { RATE = 44100, MAX_STEPS = 1000 };

typedef struct step_times {
  double last, seconds[MAX_STEPS];
  int count;
} step_times;

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/** The time since the last call is that of a step; the first one holds what comes before it. */
static int note_time(const apf_train_progress *progress, void *user)
{
  step_times *times = user;
  const double moment = now();
  if (progress->step > 1 && times->count < MAX_STEPS)
    times->seconds[times->count++] = moment - times->last;
  times->last = now();
  return 0;
}

static int compare_doubles(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/** Noise whose level rises and falls, so that the compressor has something to do. */
static void fill_with_noise(apf_audio *audio)
{
  uint64_t state = 1;
  for (int64_t t = 0; t < audio->frames; t++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const double level = 0.05 + 0.25 * (1 + sin(6.283185307179586 * (double)t / RATE));
    audio->samples[t] = (float)(level * ((double)(state >> 11) / 4503599627370496.0 - 1));
  }
}

/** Writes FOLDER/dry.wav and FOLDER/wet.wav. */
static apf_status write_pair(apf_context *ctx, const char *dry, const char *wet, int64_t frames)
{
  apf_audio audio = {1, RATE, frames, malloc((size_t)frames * sizeof(float))};
  apf_model *model = NULL;
  if (!audio.samples) return APF_ERR_MEMORY;
  fill_with_noise(&audio);
  apf_status status = apf_audio_write(ctx, dry, APF_AUDIO_FLOAT32, &audio);
  if (!status) status = apf_model_create(ctx, "compressor", RATE, &model);
  if (!status) status = apf_model_set(ctx, model, "threshold", -24);
  if (!status) status = apf_model_set(ctx, model, "ratio", 4);
  if (!status) status = apf_model_render(ctx, model, 1, frames, 0, audio.samples, audio.samples);
  if (!status) status = apf_audio_write(ctx, wet, APF_AUDIO_FLOAT32, &audio);
  apf_model_destroy(model);
  free(audio.samples);
  return status;
}

static void print_times(step_times *times, int threads, int64_t frames)
{
  qsort(times->seconds, (size_t)times->count, sizeof(double), compare_doubles);
  const double median = times->seconds[times->count / 2],
               spread =
                   (times->seconds[3 * times->count / 4] - times->seconds[times->count / 4]) / 2;
  printf("| audio | threads | ms/step | ns/sample |\n|--:|--:|--:|--:|\n");
  printf("| %.0f s | %d | %.3g ± %.2g | %.3g |\n", (double)frames / RATE, threads, 1e3 * median,
         1e3 * spread, 1e9 * median / (double)frames);
}

int main(int argc, char **argv)
{
  if (argc < 2 || argc > 5 || argv[1][0] == '-') {
    fputs(help, argc == 2 && strcmp(argv[1], "--help") == 0 ? stdout : stderr);
    return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
  }
  const double seconds = argc > 2 ? atof(argv[2]) : 60;
  const int steps = argc > 4 ? atoi(argv[4]) : 41;
  if (!(seconds >= 1 && seconds <= 3600) || steps < 5 || steps > MAX_STEPS) {
    fprintf(stderr, "compressor_step: SECONDS is 1 to 3600, STEPS 5 to %d\n", MAX_STEPS);
    return 2;
  }
  if (mkdir(argv[1], 0777) != 0) {
    perror(argv[1]);
    return 1;
  }

  char dry[4096], wet[4096], run[4096];
  snprintf(dry, sizeof dry, "%s/dry.wav", argv[1]);
  snprintf(wet, sizeof wet, "%s/wet.wav", argv[1]);
  snprintf(run, sizeof run, "%s/run", argv[1]);
  const int64_t frames = (int64_t)(seconds * RATE);
  apf_context_options options;
  apf_context_options_init(&options);
  options.threads = argc > 3 ? atoi(argv[3]) : 0;
  apf_context *ctx = NULL;
  static step_times times;
  apf_status status = apf_context_create(&options, &ctx);
  if (!status) status = write_pair(ctx, dry, wet, frames + RATE);
  apf_train_options train;
  apf_train_options_init(&train);
  train.effect = "compressor";
  train.input = dry;
  train.target = wet;
  train.out = run;
  train.recipe = "paper";
  train.segment[0] = 0;
  train.segment[1] = seconds;
  train.valid[0] = seconds;
  train.valid[1] = seconds + 1;
  train.steps = steps;
  train.valid_every = train.save_every = 2 * steps; /* not within what is timed */
  if (!status) status = apf_train(ctx, &train, note_time, &times, NULL);
  if (!status)
    print_times(&times, apf_context_threads(ctx), frames);
  else
    fprintf(stderr, "compressor_step: %s\n", apf_last_error(ctx));
  apf_context_destroy(ctx);
  return status != APF_OK;
}
