#include "effects/encoder.h"

#include <math.h>
#include <stdio.h>

enum { KERNEL_BANDS = 5, KERNEL_FRAMES = 7, POOL = 2 };

static const double NORM_EPSILON = 1e-5, FIRST_SLOPE = 0.25;
static const int64_t dilations[APF_ENCODER_BLOCKS] = {1, 1, 2, 4, 8, 16};

/* --- raw tensors ------------------------------------------------------------------------------ */

enum { PER_BLOCK = 3, PER_HEAD = 2, PER_GLOBAL = 5 };

/** The initial values that PyTorch gives to what sums over `fan_in` inputs. */
static double bound_for(int64_t fan_in)
{
  return 1 / sqrt((double)fan_in);
}

static apf_encoder_tensor block_tensor(const apf_encoder_settings *s, int block, int part)
{
  static const char *const names[PER_BLOCK] = {"conv.weight", "conv.bias", "act.weight"};
  const int64_t inputs = block == 0 ? 1 : s->channels;
  apf_encoder_tensor t = {.rank = part == 0 ? 4 : 1,
                          .shape = {s->channels, inputs, KERNEL_BANDS, KERNEL_FRAMES},
                          .bound = bound_for(inputs * KERNEL_BANDS * KERNEL_FRAMES),
                          .constant = part == 2};
  if (t.constant) t.bound = FIRST_SLOPE;
  snprintf(t.name, sizeof t.name, "cnn.%d.%s", block, names[part]);
  return t;
}

static apf_encoder_tensor head_tensor(const apf_encoder_settings *s, int part)
{
  apf_encoder_tensor t = {.rank = part == 0 ? 2 : 1,
                          .shape = {s->temporal_values, s->channels},
                          .bound = bound_for(s->channels)};
  snprintf(t.name, sizeof t.name, "out_temp.%s", part == 0 ? "weight" : "bias");
  return t;
}

static apf_encoder_tensor global_tensor(const apf_encoder_settings *s, int global, int part)
{
  static const char *const names[PER_GLOBAL] = {"0.weight", "0.bias", "2.weight", "3.weight",
                                                "3.bias"};
  const int64_t half = s->channels / 2;
  const apf_encoder_tensor all[PER_GLOBAL] = {
      {.rank = 2, .shape = {half, s->channels}, .bound = bound_for(s->channels)},
      {.rank = 1, .shape = {half}, .bound = bound_for(s->channels)},
      {.rank = 1, .shape = {half}, .bound = FIRST_SLOPE, .constant = true},
      {.rank = 2, .shape = {1, half}, .bound = bound_for(half)},
      {.rank = 1, .shape = {1}, .bound = bound_for(half)},
  };
  apf_encoder_tensor t = all[part];
  snprintf(t.name, sizeof t.name, "out_global.%s.%s", s->global_names[global], names[part]);
  return t;
}

bool apf_encoder_tensor_at(const apf_encoder_settings *settings, int index, apf_encoder_tensor *out)
{
  const int head = APF_ENCODER_BLOCKS * PER_BLOCK, globals = head + PER_HEAD;
  if (index < 0 || index >= globals + settings->globals * PER_GLOBAL) return false;
  if (index < head)
    *out = block_tensor(settings, index / PER_BLOCK, index % PER_BLOCK);
  else if (index < globals)
    *out = head_tensor(settings, index - head);
  else
    *out = global_tensor(settings, (index - globals) / PER_GLOBAL, (index - globals) % PER_GLOBAL);
  return true;
}

/** Declares a tensor as a parameter of one set and returns it without the set's axis. */
static apf_var declare(apf_graph *g, apf_encoder_tensor t)
{
  apf_shape shape = {.dims = t.rank}, with_set = {.dims = t.rank + 1, .size = {1}};
  for (int i = 0; i < t.rank; i++) shape.size[i] = with_set.size[i + 1] = t.shape[i];
  return apf_reshape(g, apf_graph_parameter(g, t.name, with_set), shape);
}

/* --- equations -------------------------------------------------------------------------------- */

static apf_var block(apf_graph *g, const apf_encoder_settings *s, int i, apf_var x)
{
  apf_var weight = declare(g, block_tensor(s, i, 0)), bias = declare(g, block_tensor(s, i, 1));
  x = apf_layer_norm(g, x, 2, NORM_EPSILON);
  x = apf_conv2d(g, x, weight, bias, dilations[i]);
  x = apf_max_pool(g, x, 2, POOL);
  return apf_prelu(g, x, declare(g, block_tensor(s, i, 2)), 1);
}

static apf_var temporal_head(apf_graph *g, const apf_encoder_settings *s, apf_var latent)
{
  apf_var frames = apf_transpose(g, latent, (const int[]){0, 2, 1});
  apf_var weight = declare(g, head_tensor(s, 0)), bias = declare(g, head_tensor(s, 1));
  apf_var y = apf_linear(g, frames, weight, bias);
  return s->temporal_sigmoid ? apf_sigmoid(g, y) : y;
}

static apf_var global_head(apf_graph *g, const apf_encoder_settings *s, int i, apf_var mean,
                           apf_var step)
{
  apf_var tensors[PER_GLOBAL];
  for (int part = 0; part < PER_GLOBAL; part++)
    tensors[part] = declare(g, global_tensor(s, i, part));
  apf_var h = apf_linear(g, mean, tensors[0], tensors[1]);
  if (s->dropout > 0 && step.id) h = apf_dropout(g, h, s->dropout, step);
  h = apf_prelu(g, h, tensors[2], 1);
  apf_var y = apf_sigmoid(g, apf_linear(g, h, tensors[3], tensors[4]));
  return apf_reshape(g, y, APF_SHAPE(apf_graph_shape(g, mean).size[0]));
}

apf_encoder_outputs apf_encoder(apf_graph *g, const apf_encoder_settings *settings, apf_var log_mel,
                                apf_var step)
{
  apf_encoder_outputs out = {.temporal = APF_NO_VAR};
  apf_var x = log_mel;
  for (int i = 0; i < APF_ENCODER_BLOCKS; i++) x = block(g, settings, i, x);
  apf_var latent = apf_mean(g, x, APF_AXIS(2), false);
  out.temporal = temporal_head(g, settings, latent);
  apf_var mean = apf_mean(g, latent, APF_AXIS(2), false);
  for (int i = 0; i < settings->globals; i++)
    out.global[i] = global_head(g, settings, i, mean, step);
  return out;
}
