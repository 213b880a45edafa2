/**
 * The parts of allpole_bench: options, cases (an operator at a size, with data), steps of training,
 * timing, report.
 */
#ifndef APF_BENCH_H
#define APF_BENCH_H

#include <allpole/allpole.h>
#include <stdbool.h>

enum { BENCH_MAX_VALUES = 64 };

/** Values of an option that was given as a list; the cases are the product of all lists. */
typedef struct bench_list {
  int count;
  int64_t values[BENCH_MAX_VALUES];
} bench_list;

typedef enum bench_pass { BENCH_FORWARD = 1, BENCH_BACKWARD = 2, BENCH_BOTH = 3 } bench_pass;

typedef struct bench_options {
  bench_list op;   /* index for bench_operator_name() */
  bench_list step; /* index for bench_step_name(); instead of operators where there is any */
  bench_list pass; /* bench_pass */
  /* Empty where not given: then what is usual for the operator or step. */
  bench_list dtype; /* apf_dtype */
  bench_list B, T;
  bench_list F, M, window, threads;
  bench_list simd;    /* apf_simd */
  bench_list backend; /* apf_backend */
  bench_list split;   /* apf_split */
  int repeats;
  const char *json;   /* file, or NULL */
  const char *commit; /* what the report says was measured, or NULL */
} bench_options;

/** What is measured. Sizes that the operator lacks are 1; F = 0 asks for F = T. */
typedef struct bench_shape {
  int op;
  bench_pass pass;
  apf_dtype dtype;
  int64_t B, T, F, M;
} bench_shape;

/** A step of training, B recordings or notes of T samples, or a node of such sizes. */
typedef struct bench_step {
  int step;
  apf_dtype dtype;
  int64_t B, T;
  int64_t window; /* samples; 0 where bench_step_has_window() is false */
} bench_step;

/** A shape with its data. */
typedef struct bench_case bench_case;

typedef struct bench_result {
  bench_shape shape;
  apf_backend backend;
  const char *simd;  /* of the CPU kernels; "cuda" */
  const char *split; /* what was asked for */
  char where[200];   /* what the context says of itself */
  int threads;
  double error;       /* largest of the relative errors against the plain loops */
  double bytes;       /* that must move, each array once */
  double scratch;     /* bytes of memory that the operator used beside its arrays */
  double samples;     /* elements of y */
  double seconds;     /* median of one run */
  double quartile[2]; /* of the seconds */
  double copy;        /* median seconds of a plain copy that moves the same bytes */
  double share;       /* median of copy's seconds by the run's beside it */
} bench_result;

typedef struct bench_step_result {
  bench_step shape;
  apf_backend backend;
  const char *simd;
  int threads;
  double forward_error; /* largest difference to the renderer, by its peak; 0 where there is none */
  double gradient_error; /* of differences of the loss, by the gradient's norm */
  double float_error;    /* of loss and gradient in float, by those in double; 0 in double */
  double loss;           /* in double */
  double memory;         /* bytes of values, gradients and scratch */
  double seconds;        /* median of one step */
  double quartile[2];
} bench_step_result;

/** Fills in the options from the command line. Returns -1 to go on, else the exit status. */
int bench_parse(int argc, char **argv, bench_options *options);

/** Whether the operator has frames (F) and orders, taps or channels (M). */
bool bench_operator_has_frames(int op);
bool bench_operator_has_order(int op);
const char *bench_operator_name(int op);
enum { BENCH_EFFECTS = 9, BENCH_NODES = 31, BENCH_STEPS = BENCH_EFFECTS + BENCH_NODES };
const char *bench_step_name(int step);
bool bench_step_has_window(int step);
/** The published sizes. */
void bench_step_usual(int step, bench_step *shape);
const char *bench_split_name(int split);
const char *bench_pass_name(bench_pass pass);
const char *bench_dtype_name(apf_dtype dtype);

/* Per type: makes a case (NULL: no memory), runs it once, runs it and gives the largest relative
 * error against plain loops in double, tells its size. */
#define BENCH_DECLARE(S)                                                         \
  bench_case *bench_case_create_##S(const bench_shape *shape, apf_context *ctx); \
  void bench_case_destroy_##S(bench_case *c);                                    \
  apf_status bench_case_run_##S(bench_case *c);                                  \
  double bench_case_error_##S(bench_case *c);                                    \
  void bench_case_size_##S(const bench_case *c, double *bytes, double *samples);
BENCH_DECLARE(f32)
BENCH_DECLARE(f64)

/** Checks, warms up, measures; `result` gets everything. Complains on stderr when it fails. */
bool bench_measure(const bench_shape *shape, apf_context *ctx, int repeats, bench_result *result);

bool bench_measure_step(const bench_step *shape, apf_context *ctx, int repeats,
                        bench_step_result *result);

/** Seconds of a clock that only goes forward. */
double bench_now(void);
void bench_sort(double *values, int n);
/** Value below which the fraction p of the sorted values lies. */
double bench_quantile(const double *sorted, int n, double p);

/** What was measured, of one kind; the other is empty. */
typedef struct bench_results {
  int count, step_count;
  bench_result *operators;
  bench_step_result *steps;
} bench_results;

/** `where`: the description of a context on each backend that is measured. */
void bench_print_heading(const bench_options *options, const char *where);
void bench_print_result(const bench_result *result);
void bench_print_step(const bench_step_result *result);
bool bench_write_json(const bench_options *options, const bench_results *results);

#endif
