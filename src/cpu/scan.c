/**
 * First-order recurrences on all threads: over the sequences, or along time.
 *
 * Along time the first thread always knows the state and runs ahead with it. The others map their
 * spans from an unknown state, wait for the barrier at which the maps of a round are composed, and
 * run the spans, which are in their caches by then, while the first is already in the next round:
 *
 *   thread 0   run 0     | run 3        | run 6
 *   thread 1   map 1     | run 1, map 4 | run 4, map 7   ...
 *   thread 2   map 2     | run 2, map 5 | run 5, map 8
 *
 * So memory is read once and written once. The first thread walks its spans once and the others
 * twice: its spans are longer.
 */
#include <stdbool.h>

#include "cpu/scan.h"

#ifdef _OPENMP
#include <omp.h>
#else
#define omp_get_thread_num()  0
#define omp_get_num_threads() 1
#endif

enum { SPAN = 16384, FIRST_SPAN = 3 * SPAN / 2, WORTH_DIVIDING = FIRST_SPAN + SPAN };
enum { PARALLEL_FROM = 1 << 14 }; /* samples that are worth waking a thread */

/** What a thread tells the others, on cache lines of its own. Entries alternate between rounds. */
typedef struct progress {
  scalar_affine map[2]; /* thread 0 tells the state after its span, as the offset */
  wide sums[SCAN_SUMS];
  scalar after; /* of the thread that runs the last span */
  char padding[64];
} progress;

/** A span of [from, to) samples, counted from where the walk starts. */
typedef struct span {
  int64_t from, to;
} span;

static span span_at(const scan_operator *op, int64_t from, int64_t length)
{
  const int64_t T = op->T, to = from + length;
  return (span){from < T ? from : T, to < T ? to : T};
}

static scalar run_span(const scan_operator *op, int64_t b, span s, scalar state, wide *sums)
{
  const int64_t T = op->T;
  return op->reverse ? op->run(op->arrays, b, T - s.to, T - s.from, state, sums)
                     : op->run(op->arrays, b, s.from, s.to, state, sums);
}

static scalar_affine map_span(const scan_operator *op, int64_t b, span s)
{
  const int64_t T = op->T;
  return op->reverse ? op->map(op->arrays, b, T - s.to, T - s.from)
                     : op->map(op->arrays, b, s.from, s.to);
}

/** The work of thread `me` of n on sequence b. Returns the thread that ran the last sample. */
static int walk(const scan_operator *op, int64_t b, int me, int n, progress *all)
{
  const int64_t first = me == 0 ? 0 : FIRST_SPAN + (int64_t)(me - 1) * SPAN;
  const int64_t round = FIRST_SPAN + (int64_t)(n - 1) * SPAN;
  progress *mine = &all[me];
  scalar state = op->start(op->arrays, b);
  for (int k = 0; k < SCAN_SUMS; k++) mine->sums[k] = wide_zero();
  int parity = 0;
  for (int64_t start = 0; start < op->T; start += round, parity ^= 1) {
    const span s = span_at(op, start + first, me == 0 ? FIRST_SPAN : SPAN);
    if (me == 0)
      mine->map[parity].offset = mine->after = run_span(op, b, s, state, mine->sums);
    else
      mine->map[parity] = map_span(op, b, s);
#pragma omp barrier
    state = all[0].map[parity].offset;
    scalar before = state;
    for (int i = 1; i < n; i++) {
      if (i == me) before = state;
      state = scalar_affine_apply(all[i].map[parity], state);
    }
    if (me > 0 && s.from < s.to) mine->after = run_span(op, b, s, before, mine->sums);
  }
  const int64_t last = (op->T - 1) % round;
  return last < FIRST_SPAN ? 0 : 1 + (int)((last - FIRST_SPAN) / SPAN);
}

static void run_together(apf_context *ctx, const scan_operator *op, int64_t b, progress *all)
{
  int last = 0, threads = 1;
#pragma omp parallel num_threads(ctx->threads)
  {
    const int me = omp_get_thread_num(), n = omp_get_num_threads();
    const int who = walk(op, b, me, n, all);
    if (me == 0) last = who, threads = n;
  }
  wide sums[SCAN_SUMS];
  for (int k = 0; k < SCAN_SUMS; k++) {
    sums[k] = all[0].sums[k];
    for (int i = 1; i < threads; i++) sums[k] = wide_join(sums[k], all[i].sums[k]);
  }
  op->finish(op->arrays, b, all[last].after, sums);
}

/** The rule: threads share a sequence only where some would have none. */
static bool divides_time(const apf_context *ctx, const scan_operator *op)
{
  if (op->T < WORTH_DIVIDING || ctx->split == APF_SPLIT_SEQUENCES) return false;
  return op->B < ctx->threads || ctx->split == APF_SPLIT_TIME;
}

apf_status APF_CPU(scan_sequences)(apf_context *ctx, const scan_operator *op)
{
  if (divides_time(ctx, op)) {
    void *workspace;
    APF_TRY(apf_workspace(ctx, (size_t)ctx->threads * sizeof(progress), &workspace));
    for (int64_t b = 0; b < op->B; b++) run_together(ctx, op, b, workspace);
    return APF_OK;
  }
  const bool share = op->B > 1 && op->B * op->T >= PARALLEL_FROM;
#pragma omp parallel for num_threads(ctx->threads) schedule(static) if (share)
  for (int64_t b = 0; b < op->B; b++) {
    wide sums[SCAN_SUMS];
    for (int k = 0; k < SCAN_SUMS; k++) sums[k] = wide_zero();
    scalar state = op->start(op->arrays, b);
    if (op->T > 0) state = op->run(op->arrays, b, 0, op->T, state, sums);
    op->finish(op->arrays, b, state, sums);
  }
  return APF_OK;
}
