#include "progress.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

struct progress_display {
  FILE *to;
  bool live; /* a terminal: redraw one line */
  bool drawn;
  double last;        /* seconds at the last line */
  int64_t first_step; /* of this sitting */
};

progress_display *progress_create(FILE *to)
{
  progress_display *d = calloc(1, sizeof *d);
  if (!d) return NULL;
  d->to = to;
  d->live = isatty(fileno(to));
  d->last = -INFINITY;
  d->first_step = -1;
  return d;
}

static void print_bar(FILE *to, double part)
{
  enum { WIDTH = 24 };
  int full = (int)(part * WIDTH + 0.5);
  fputc('[', to);
  for (int i = 0; i < WIDTH; i++) fputc(i < full ? '#' : '.', to);
  fputc(']', to);
}

static void print_time(FILE *to, double seconds)
{
  long whole = seconds < 1e8 ? lround(seconds) : 99999999;
  if (whole >= 3600)
    fprintf(to, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
  else
    fprintf(to, "%ld:%02ld", whole / 60, whole % 60);
}

void progress_step(progress_display *d, const apf_train_progress *p)
{
  const double live_interval = 0.1, plain_interval = 5;
  if (!d) return;
  if (d->first_step < 0) d->first_step = p->step - 1;
  bool last = p->step == p->steps;
  if (!last && p->seconds - d->last < (d->live ? live_interval : plain_interval)) return;
  d->last = p->seconds;

  double speed = p->seconds > 0 ? (double)(p->step - d->first_step) / p->seconds : 0;
  if (d->live) {
    fputs("\r\033[K", d->to);
    print_bar(d->to, (double)p->step / (double)p->steps);
    fputc(' ', d->to);
  }
  fprintf(d->to, "step %lld/%lld  loss %.5g", (long long)p->step, (long long)p->steps, p->loss);
  if (isfinite(p->valid_error))
    fprintf(d->to, "  %s %.5f (best %.5f)", p->error_name, p->valid_error, p->best_error);
  fprintf(d->to, "  %.3g steps/s", speed);
  if (speed > 0) {
    fputs("  left ", d->to);
    print_time(d->to, (double)(p->steps - p->step) / speed);
  }
  if (!d->live) fputc('\n', d->to);
  fflush(d->to);
  d->drawn = true;
}

void progress_destroy(progress_display *d)
{
  if (d && d->live && d->drawn) fputc('\n', d->to);
  free(d);
}
