/**
 * For those who add nodes. A node is a kind (below) and a function that model code calls.
 *
 * Suppose src/ops has y = gain_forward(ctx, B, T, x, a, y) and gain_backward(ctx, B, T, dy, x, a,
 * dx, da), x [B,T], a [B]. In a file src/graph/nodes_*.c:
 *
 *   typedef struct sizes { int64_t B, T; } sizes;
 *
 *   static apf_status gain_forward(const apf_step *s)
 *   {
 *     const sizes *n = s->attributes;
 *     return APF_CALL(s, gain_forward, n->B, n->T, s->in[0], s->in[1], s->out[0]);
 *   }
 *   static apf_status gain_backward(const apf_step *s)
 *   {
 *     const sizes *n = s->attributes;
 *     return APF_CALL(s, gain_backward, n->B, n->T, s->d_out[0], s->in[0], s->in[1], s->d_in[0],
 *                     s->d_in[1]);
 *   }
 *   static const apf_node_kind gain_kind = {
 *       .name = "gain",
 *       .forward = gain_forward,
 *       .backward = gain_backward,
 *       .backward_reads_inputs = APF_BIT(0) | APF_BIT(1),
 *   };
 *   apf_var apf_gain(apf_graph *g, apf_var x, apf_var a)
 *   {
 *     apf_shape shape = APF_SHAPE_OF(g, x), a_shape = APF_SHAPE_OF(g, a);
 *     if (apf_graph_status(g) != APF_OK) return APF_NO_VAR;
 *     if (shape.dims != 2 || a_shape.dims != 1 || a_shape.size[0] != shape.size[0])
 *       return apf_graph_refuse(g, __func__, "x is %s, a is %s, expected [B,T] and [B]",
 *                               APF_SHAPE_TEXT(shape), APF_SHAPE_TEXT(a_shape));
 *     sizes n = {shape.size[0], shape.size[1]};
 *     return apf_graph_add(g, &gain_kind, (apf_var[]){x, a}, 2, shape, &n, sizeof n);
 *   }
 *
 * The prototype goes into nodes.h, the file into CMakeLists.txt (apf_graph).
 *
 * Rules
 * - Operators do the arithmetic: a node calls typed operators of src/ops and nothing else.
 * - backward writes every s->d_in[i] that is not NULL (no accumulation: the graph does that where a
 *   tensor is used several times). Most operators take NULL for gradients that are not wanted.
 * - s->d_out[i] is NULL for outputs that no gradient reaches; output 0 of a node with one output
 *   always has one.
 * - In backward, s->in[i] and s->out[i] are NULL unless the kind says that backward reads them:
 *   memory of what nobody reads any more has been given to other tensors.
 * - Something that forward leaves for backward alone is a further output (apf_graph_add_outputs).
 */
#ifndef APF_GRAPH_NODE_H
#define APF_GRAPH_NODE_H

#include "core/context.h"
#include "graph/graph.h"
#include "ops/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { APF_MAX_NODE_INPUTS = 16, APF_MAX_NODE_OUTPUTS = 4 };

/** One run of one node: what its forward and backward see. */
typedef struct apf_step {
  apf_context *ctx;
  apf_dtype dtype;
  bool training;
  const void *attributes; /**< the copy of what was given to apf_graph_add */
  int inputs, outputs;
  const void *in[APF_MAX_NODE_INPUTS];
  void *out[APF_MAX_NODE_OUTPUTS];
  const void *d_out[APF_MAX_NODE_OUTPUTS]; /**< backward: gradients of the outputs */
  void *d_in[APF_MAX_NODE_INPUTS];         /**< backward: where to write those of the inputs */
} apf_step;

/** Bit i of a mask is about input i (or output i). */
#define APF_BIT(i) (1u << (i))

typedef struct apf_node_kind {
  const char *name; /**< in messages */
  apf_status (*forward)(const apf_step *s);
  apf_status (*backward)(const apf_step *s); /**< NULL: has no gradient */
  unsigned backward_reads_inputs;
  unsigned backward_reads_outputs;
  /** Output 0 may be written over this input, where the two have the same size. */
  unsigned output_may_replace;
  /** This input's gradient may be written over that of output 0, where sizes agree. */
  unsigned gradient_may_replace;
  /** This input's gradient *is* that of output 0 where sizes agree: d_in is NULL then. */
  unsigned gradient_passes;
  /** The output is input 0 seen with another shape: nothing runs. */
  bool view;
} apf_node_kind;

/** APF_CALL(s, fir_forward, B, ...): the operator of the graph's type. Arrays are void pointers,
 *  which C converts; the operator itself refuses NULL. */
#define APF_CALL(s, op, ...)                                     \
  ((s)->dtype == APF_F32 ? apf_##op##_f32((s)->ctx, __VA_ARGS__) \
                         : apf_##op##_f64((s)->ctx, __VA_ARGS__))

/** Adds a node with one output; attributes (may be NULL) are copied. */
apf_var apf_graph_add(apf_graph *g, const apf_node_kind *kind, const apf_var *inputs, int n_inputs,
                      apf_shape shape, const void *attributes, size_t attribute_bytes);
/** The same with several outputs, returned in `outputs`. An input may be APF_NO_VAR: s->in[i] is
 *  NULL then. */
void apf_graph_add_outputs(apf_graph *g, const apf_node_kind *kind, const apf_var *inputs,
                           int n_inputs, const apf_shape *shapes, int n_outputs, apf_var *outputs,
                           const void *attributes, size_t attribute_bytes);

/** The shape of an argument; records the mistake if it is no tensor of this graph. */
#define APF_SHAPE_OF(g, argument) apf_graph_argument_shape(g, __func__, #argument, argument)
apf_shape apf_graph_argument_shape(apf_graph *g, const char *function, const char *name, apf_var v);

/** Records a mistake (APF_ERR_ARGUMENT) with a message, unless there is one; returns APF_NO_VAR. */
apf_var apf_graph_refuse(apf_graph *g, const char *function, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

typedef struct apf_shape_text {
  char text[160];
} apf_shape_text;
apf_shape_text apf_shape_print(apf_shape shape);
/** "[2,44100]", for messages; lives until the end of the full expression. */
#define APF_SHAPE_TEXT(shape) (apf_shape_print(shape).text)

/** Axis -dims..dims-1 to 0..dims-1; otherwise records the mistake and returns -1. */
int apf_graph_axis(apf_graph *g, const char *function, apf_shape shape, int axis);
/** An argument whose last `own` axes are its own and whose leading ones are a batch. */
typedef struct apf_operand {
  const char *name;
  apf_var v;
  int own;
  bool optional; /**< v may be APF_NO_VAR */
} apf_operand;
/** Broadcasts the leading axes of all operands to a common shape `lead`; v[i] is operand i,
 * expanded by a node where necessary. False after a mistake, which is recorded. */
bool apf_graph_align(apf_graph *g, const char *function, const apf_operand *operands, int n,
                     apf_var *v, apf_shape *lead);
/** NumPy's rule; false if a and b do not fit. */
bool apf_shape_broadcast(apf_shape a, apf_shape b, apf_shape *out);
/** The first `dims` axes of a shape; the shape with `more` appended. */
apf_shape apf_shape_lead(apf_shape shape, int dims);
apf_shape apf_shape_append(apf_shape shape, int64_t size);
/** Product of the axes from..to-1. */
int64_t apf_shape_product(apf_shape shape, int from, int to);

#ifdef __cplusplus
}
#endif
#endif
