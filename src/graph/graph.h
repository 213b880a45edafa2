/**
 * A small static tape: a model is described once, then replayed forward and backward.
 *
 *   apf_graph *g;
 *   APF_TRY(apf_graph_create(ctx, APF_F32, &g));
 *   apf_var x = apf_graph_input(g, "x", APF_SHAPE(B, T));
 *   apf_var gain = apf_graph_parameter(g, "gain", APF_SHAPE(1, 1));
 *   apf_var y = apf_tanh(g, apf_mul(g, x, gain));             (nodes.h has every function)
 *   apf_graph_output(g, y, "y");
 *   apf_var loss = apf_mean(g, apf_square(g, apf_sub(g, y, target)), APF_ALL_AXES, false);
 *   APF_TRY(apf_graph_build(g, loss));                        (the first mistake above comes out
 * here) each step: apf_graph_set(g, x, ...); apf_graph_forward(g); apf_graph_backward(g);
 *
 * Errors while describing are sticky: the first is kept, later calls do nothing and return
 * APF_NO_VAR, and apf_graph_build returns it with the name of the function and the shapes. Model
 * code is therefore free of error handling.
 *
 * Tensors are dense, row-major, of up to APF_MAX_DIMS axes; an APF_SCALAR has none. Element-wise
 * functions broadcast as NumPy does. Models that want a batch of parameter sets give parameters a
 * leading axis ([P,1,1] against signals [B,C,T] gives [P,B,C,T]) and keep it in the loss (shape
 * [P]): backward starts from ones, so each set gets its own gradient.
 *
 * apf_graph_build plans memory once: values and gradients share one arena, placed by lifetimes over
 * the whole forward and backward schedule. Steps allocate nothing. What cannot influence the loss
 * or an output is not run; gradients that nothing asked for are not computed.
 *
 * One graph belongs to one context and, like it, to one thread at a time.
 */
#ifndef APF_GRAPH_GRAPH_H
#define APF_GRAPH_GRAPH_H

#include <allpole/core.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { APF_MAX_DIMS = 6 };

typedef struct apf_shape {
  int dims;
  int64_t size[APF_MAX_DIMS];
} apf_shape;

/** A tensor of a graph. Copy it freely; it means something only to the graph that made it. */
typedef struct apf_var {
  int32_t id; /**< 0: none */
} apf_var;

/* APF_SHAPE(B, T, ...) with 1 to 6 sizes; APF_SCALAR; APF_NO_VAR where an argument is optional. */
#define APF_COUNT_(a, b, c, d, e, f, n, ...) n
#define APF_COUNT(...)                       APF_COUNT_(__VA_ARGS__, 6, 5, 4, 3, 2, 1, 0)
#ifdef __cplusplus
#define APF_SHAPE(...) (apf_shape{APF_COUNT(__VA_ARGS__), {__VA_ARGS__}})
#define APF_SCALAR     (apf_shape{})
#define APF_NO_VAR     (apf_var{0})
#else
#define APF_SHAPE(...) ((apf_shape){APF_COUNT(__VA_ARGS__), {__VA_ARGS__}})
#define APF_SCALAR     ((apf_shape){0, {0}})
#define APF_NO_VAR     ((apf_var){0})
#endif

/** Number of elements; -1 when it does not fit in int64_t. */
int64_t apf_shape_count(apf_shape shape);
bool apf_shape_equal(apf_shape a, apf_shape b);

typedef struct apf_graph apf_graph;

/** An empty graph of APF_F32 or APF_F64 tensors. ctx must outlive it. */
APF_MUST_CHECK apf_status apf_graph_create(apf_context *ctx, apf_dtype dtype, apf_graph **out);
/** NULL is allowed. */
void apf_graph_destroy(apf_graph *g);

apf_dtype apf_graph_dtype(const apf_graph *g);
apf_context *apf_graph_context(const apf_graph *g);

/* --- describing: leaves ---------------------------------------------------------------------- */
/* Names are copied; they must be unique among inputs, parameters and outputs of the graph. */

/** Data, set from outside before each step. Starts as zeros. */
apf_var apf_graph_input(apf_graph *g, const char *name, apf_shape shape);
/** What is learned. All parameters lie in one buffer, their gradients in another (see
 *  apf_graph_flat). Starts as zeros. */
apf_var apf_graph_parameter(apf_graph *g, const char *name, apf_shape shape);
/** The same value everywhere it is broadcast to (shape APF_SCALAR). */
apf_var apf_graph_constant(apf_graph *g, double value);
/** Fixed values, copied now. */
apf_var apf_graph_table(apf_graph *g, apf_shape shape, const double *values);

/** Names a tensor and keeps its value readable after forward. Returns `v`. */
apf_var apf_graph_output(apf_graph *g, apf_var v, const char *name);
/** Keeps the gradient of an input or of an intermediate tensor: without this only parameters have
 *  one. Returns `v`. */
apf_var apf_graph_track(apf_graph *g, apf_var v);
/** The parameter gets no gradient and no optimiser touches it. */
void apf_graph_freeze(apf_graph *g, apf_var parameter);

/** The input, parameter or output of that name, or APF_NO_VAR (no error). */
apf_var apf_graph_find(const apf_graph *g, const char *name);
/** The name of an input, parameter or output, else "". */
const char *apf_graph_name(const apf_graph *g, apf_var v);
/** The shape of any tensor of the graph; APF_SCALAR after a sticky error. */
apf_shape apf_graph_shape(const apf_graph *g, apf_var v);
/** The sticky error so far, APF_OK if none. */
apf_status apf_graph_status(const apf_graph *g);

/* --- running --------------------------------------------------------------------------------- */

/**
 * Ends the description and allocates everything. `loss`: what backward differentiates the sum of,
 * of any shape; APF_NO_VAR for a graph that only runs forward.
 * @return APF_OK, the first sticky error with its message, APF_ERR_MEMORY; APF_ERR_ARGUMENT (a loss
 *         that depends on nothing that has a gradient); APF_ERR_STATE (built already).
 */
APF_MUST_CHECK apf_status apf_graph_build(apf_graph *g, apf_var loss);

/** Runs every node that an output or the loss needs. Allocates nothing. */
APF_MUST_CHECK apf_status apf_graph_forward(apf_graph *g);
/** Gradients of the sum of the loss, for the values of the last forward. Written, not accumulated:
 *  nothing needs to be zeroed. Once per forward; APF_ERR_STATE otherwise. */
APF_MUST_CHECK apf_status apf_graph_backward(apf_graph *g);

/** Whether nodes that behave differently in training (dropout) do so; on until changed. */
void apf_graph_set_training(apf_graph *g, bool training);

/* --- values ---------------------------------------------------------------------------------- */
/* Host arrays in double, or with _raw in the graph's own type (bit for bit, no conversion). Setting
 * works before and after build, of inputs and parameters. Reading works after build, of inputs,
 * parameters, outputs and the loss; gradients of parameters and of tracked tensors. Anything else:
 * APF_ERR_ARGUMENT, or APF_ERR_STATE where it is too early. */

APF_MUST_CHECK apf_status apf_graph_set(apf_graph *g, apf_var v, const double *host);
APF_MUST_CHECK apf_status apf_graph_get(apf_graph *g, apf_var v, double *host);
APF_MUST_CHECK apf_status apf_graph_get_gradient(apf_graph *g, apf_var v, double *host);
/** For gradients that come from elsewhere (SPSA), before an optimiser's step. */
APF_MUST_CHECK apf_status apf_graph_set_gradient(apf_graph *g, apf_var v, const double *host);
APF_MUST_CHECK apf_status apf_graph_set_raw(apf_graph *g, apf_var v, const void *host);
APF_MUST_CHECK apf_status apf_graph_get_raw(apf_graph *g, apf_var v, void *host);

/** Fills an input or parameter with one value. */
APF_MUST_CHECK apf_status apf_graph_set_all(apf_graph *g, apf_var v, double value);

/** The tensor in the backend's memory (the graph's type), or NULL where the functions above would
 *  refuse. Fixed from build on. */
void *apf_graph_data(apf_graph *g, apf_var v);
void *apf_graph_gradient(apf_graph *g, apf_var v);

/* --- parameters ------------------------------------------------------------------------------ */

/** In the order of their creation; frozen ones included. */
int apf_graph_parameter_count(const apf_graph *g);
apf_var apf_graph_parameter_at(const apf_graph *g, int i);
bool apf_graph_is_frozen(const apf_graph *g, apf_var parameter);

/** All parameters, frozen ones included, in one copy from the backend: after build, `host` gets
 *  apf_graph_parameter_space() values, a parameter's from apf_graph_parameter_offset() on. */
int64_t apf_graph_parameter_space(const apf_graph *g);
int64_t apf_graph_parameter_offset(const apf_graph *g, apf_var parameter);
APF_MUST_CHECK apf_status apf_graph_get_parameters(apf_graph *g, double *host);

/** Values of all parameters of the same names and shapes, such as from the training graph to the
 *  validation graph; same context, same dtype. APF_ERR_MISMATCH names what is missing or differs.
 */
APF_MUST_CHECK apf_status apf_graph_copy_parameters(apf_graph *to, const apf_graph *from);

/**
 * All parameters that are not frozen, as two flat arrays in the backend's memory: what an optimiser
 * updates. Each parameter starts at a multiple of 64 bytes; values and gradients of the padding in
 * between are zero.
 */
typedef struct apf_flat {
  int64_t count;   /**< elements, padding included */
  void *values;    /**< in the graph's type */
  void *gradients; /**< NULL for a graph without loss */
} apf_flat;
/** After build. */
apf_flat apf_graph_flat(apf_graph *g);
/** Where a parameter starts in apf_flat, in elements; -1 if frozen. */
int64_t apf_graph_flat_offset(const apf_graph *g, apf_var parameter);

/* --- looking inside -------------------------------------------------------------------------- */

typedef struct apf_graph_memory {
  int64_t arena_bytes;               /**< of values and gradients that share memory */
  int64_t tensor_bytes;              /**< what the same tensors would take without sharing */
  int forward_nodes, backward_nodes; /**< that run in a step */
} apf_graph_memory;
apf_graph_memory apf_graph_memory_use(const apf_graph *g);

/** For tests, before build: every tensor is overwritten with NaN as soon as the plan says that
 *  nobody needs it, so that a wrong plan shows in the results. Slow. */
void apf_graph_poison(apf_graph *g);

#ifdef __cplusplus
}
#endif

#include "graph/nodes.h"

#endif
