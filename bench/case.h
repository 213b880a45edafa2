/** Inside a case: the operator at a size, its data, and what it is checked against. Once per type.
 */
#ifndef APF_BENCH_CASE_H
#define APF_BENCH_CASE_H

#include "bench.h"

#define PASTE_(a, b) a##_##b
#define PASTE(a, b)  PASTE_(a, b)
#define TYPED(name)  PASTE(name, SUFFIX)

/** The arrays of a case, on the host or in the backend's memory. */
typedef struct arrays {
  real *x, *a, *y, *dy, *dx, *da;
} arrays;

struct bench_case {
  bench_shape shape;
  int64_t nx, na, ny;
  int64_t kept; /* elements of x and y that backward reads again */
  apf_context *ctx;
  arrays host, there; /* for the plain loops; for the operator */
};

typedef struct operator_entry {
  void (*sizes)(bench_case *c);
  bool positive; /* its coefficients lie in 0..1 */
  apf_status (*forward)(const bench_case *c);
  apf_status (*backward)(const bench_case *c);
  void (*plain_forward)(const bench_case *c, double *y);
  void (*plain_backward)(const bench_case *c, double *dx, double *da);
} operator_entry;

/** In the order of bench_operator_name(). */
extern const operator_entry TYPED(bench_operators)[];

#endif
