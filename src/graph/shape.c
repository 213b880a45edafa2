#include "graph/node.h"

#include <inttypes.h>
#include <stdio.h>

int64_t apf_shape_count(apf_shape shape)
{
  return apf_product(shape.dims, shape.size);
}

bool apf_shape_equal(apf_shape a, apf_shape b)
{
  if (a.dims != b.dims) return false;
  for (int i = 0; i < a.dims; i++)
    if (a.size[i] != b.size[i]) return false;
  return true;
}

apf_shape_text apf_shape_print(apf_shape shape)
{
  apf_shape_text out = {"["};
  size_t used = 1;
  for (int i = 0; i < shape.dims && i < APF_MAX_DIMS; i++)
    used += (size_t)snprintf(out.text + used, sizeof out.text - used, i ? ",%" PRId64 : "%" PRId64,
                             shape.size[i]);
  snprintf(out.text + used, sizeof out.text - used, "]");
  return out;
}

bool apf_shape_broadcast(apf_shape a, apf_shape b, apf_shape *out)
{
  apf_shape result = {.dims = a.dims > b.dims ? a.dims : b.dims};
  for (int i = 1; i <= result.dims; i++) { /* from the last axis */
    int64_t from_a = i <= a.dims ? a.size[a.dims - i] : 1;
    int64_t from_b = i <= b.dims ? b.size[b.dims - i] : 1;
    if (from_a != from_b && from_a != 1 && from_b != 1) return false;
    result.size[result.dims - i] = from_a == 1 ? from_b : from_a;
  }
  *out = result;
  return true;
}

apf_shape apf_shape_lead(apf_shape shape, int dims)
{
  apf_shape lead = {.dims = dims};
  for (int i = 0; i < dims; i++) lead.size[i] = shape.size[i];
  return lead;
}

apf_shape apf_shape_append(apf_shape shape, int64_t size)
{
  shape.size[shape.dims++] = size;
  return shape;
}

int64_t apf_shape_product(apf_shape shape, int from, int to)
{
  int64_t product = 1;
  for (int i = from; i < to; i++) product *= shape.size[i];
  return product;
}
