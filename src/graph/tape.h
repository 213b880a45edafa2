/** The graph's insides, shared by the files of src/graph that describe, plan and run. */
#ifndef APF_GRAPH_TAPE_H
#define APF_GRAPH_TAPE_H

#include "graph/node.h"

typedef enum leaf_kind { NO_LEAF, LEAF_INPUT, LEAF_PARAMETER, LEAF_TABLE } leaf_kind;

/** What an apf_var with id = index + 1 stands for. */
typedef struct tensor {
  apf_shape shape;
  int64_t count;
  leaf_kind leaf;
  int producer; /**< node index; -1 for leaves */
  bool kept;    /**< its value stays readable after forward */
  bool tracked; /**< its gradient stays readable after backward */
  bool frozen;
  bool differentiable; /**< something that has a gradient influences it */
  bool reached;        /**< and it influences the loss */
  int64_t last_use;    /**< time of the last step that reads the value */
  int value, gradient; /**< storages, or -1 */
  int64_t flat_offset; /**< of a parameter, in elements; see values.c */
  void *initial;       /**< a leaf's values until build, in the graph's type; NULL: zeros */
} tensor;

/** How an input's gradient comes about in its node's backward. */
typedef enum contribution {
  NOT_WANTED,
  WRITE,     /**< backward writes it */
  ADD,       /**< backward writes it to `scratch`, then it is added: not the first contribution */
  PASS,      /**< it shares the storage of the output's gradient */
  PASS_COPY, /**< it is a copy of the output's gradient */
  PASS_ADD,  /**< the output's gradient is added to it */
  ZERO       /**< as PASS_COPY, where no gradient reaches the output */
} contribution;

typedef struct node {
  const apf_node_kind *kind;
  void *attributes;
  int inputs, outputs;
  int in[APF_MAX_NODE_INPUTS]; /**< tensor indices; -1: none */
  int out[APF_MAX_NODE_OUTPUTS];
  bool forward, backward; /**< whether it runs */
  contribution contribution[APF_MAX_NODE_INPUTS];
  int scratch[APF_MAX_NODE_INPUTS]; /**< storages */
  apf_step forward_step, backward_step;
} node;

/**
 * A piece of memory and the times during which it is in use, both ends included. With N nodes, node
 * k runs forward at time k and backward at time 2N - k; backward starts from ones at time N.
 */
typedef struct storage {
  int64_t bytes; /**< a multiple of 64 */
  int64_t start, end;
  bool external; /**< not in the arena: parameters and their gradients */
  int64_t offset;
  void *memory;
} storage;

enum { STORAGE_ALIGNMENT = 64 };
#define FOREVER INT64_MAX

typedef struct name_entry {
  char *name;
  int tensor;
} name_entry;

struct apf_graph {
  apf_context *ctx;
  apf_dtype dtype;
  size_t element_bytes;

  apf_status status; /**< sticky while describing */
  char failed_function[64];
  char message[APF_MESSAGE_SIZE];

  tensor *tensors;
  int tensor_count, tensor_capacity;
  node *nodes;
  int node_count, node_capacity;
  name_entry *names;
  int name_count, name_capacity;
  int *parameters;
  int parameter_count, parameter_capacity;
  storage *storages;
  int storage_count, storage_capacity;

  bool built, ready, poison, training; /* ready: built without error */
  bool has_forward;                    /**< values are there for a backward */
  int loss;                            /**< tensor index, -1: none */
  int64_t flat_count, flat_total;      /**< elements of trained parameters; of all */
  void *flat_values, *flat_gradients, *arena;
  int64_t arena_bytes, tensor_bytes;
  void *host; /**< where values are converted between double and the graph's type */
  size_t host_bytes;
};

/** The tensor of a variable, NULL if it is none of this graph. */
tensor *apf_graph_tensor(const apf_graph *g, apf_var v);

/** Makes room for one more element; false when out of memory. */
bool apf_graph_grow(void **array, int count, int *capacity, size_t element_bytes);

/** Records the first failure. */
void apf_graph_fail(apf_graph *g, apf_status status, const char *function, const char *text);

/** Decides what runs and which memory everything has (g->storages, tensors' and nodes' fields),
 * then places the storages in the arena: g->arena_bytes. Allocates host memory only. */
apf_status apf_graph_plan(apf_graph *g);

/** Gives every parameter its place in the flat arrays: flat_offset, flat_count, flat_total. */
void apf_graph_lay_out_parameters(apf_graph *g);

/** Uploads every leaf's initial values, once memory exists. */
apf_status apf_graph_upload_leaves(apf_graph *g);

#endif
