/**
 * Before a step is timed, in double,
 *   - the rendering inside the graph is compared with the renderer's (effects that have one);
 *   - the gradient g is compared with differences of the loss L along its own direction d = g/|g|:
 *       (L(p + h d) - L(p - h d)) / 2h = |g| (1 + O(h^2));
 * and what a step in float gives, loss and |g|, with what the same step in double gives. (In float
 * itself there are no differences to compare with: where a spectrum is near zero the loss bends
 * within less than its rounding.)
 */
#include <math.h>
#include <stdlib.h>

#include "effect_step.h"

static apf_status loss_of(effect_step *s, double *loss)
{
  APF_TRY(apf_graph_forward(s->graph));
  APF_TRY(apf_graph_get(s->graph, apf_graph_find(s->graph, "loss"), loss));
  if (isfinite(*loss)) return APF_OK;
  return apf_fail(s->ctx, APF_ERR_NOT_FINITE, __func__, "the loss is %g", *loss);
}

/** Values in all parameters together. */
static int64_t parameter_values(effect_step *s)
{
  int64_t count = 0;
  for (int i = 0; i < apf_graph_parameter_count(s->graph); i++)
    count += apf_shape_count(apf_graph_shape(s->graph, apf_graph_parameter_at(s->graph, i)));
  return count;
}

/** Parameters from `values` + `by` times `direction`, one after another. */
static apf_status move(effect_step *s, const double *values, const double *direction, double by,
                       double *scratch)
{
  int64_t at = 0;
  for (int i = 0; i < apf_graph_parameter_count(s->graph); i++) {
    const apf_var parameter = apf_graph_parameter_at(s->graph, i);
    const int64_t count = apf_shape_count(apf_graph_shape(s->graph, parameter));
    for (int64_t k = 0; k < count; k++) scratch[k] = values[at + k] + by * direction[at + k];
    APF_TRY(apf_graph_set(s->graph, parameter, scratch));
    at += count;
  }
  return APF_OK;
}

/** Values and gradients (zero where frozen) of all parameters, and the norm of the gradient. */
static apf_status take(effect_step *s, double *values, double *gradient, double *norm)
{
  int64_t at = 0;
  double sum = 0;
  for (int i = 0; i < apf_graph_parameter_count(s->graph); i++) {
    const apf_var parameter = apf_graph_parameter_at(s->graph, i);
    const int64_t count = apf_shape_count(apf_graph_shape(s->graph, parameter));
    APF_TRY(apf_graph_get(s->graph, parameter, values + at));
    if (!apf_graph_is_frozen(s->graph, parameter))
      APF_TRY(apf_graph_get_gradient(s->graph, parameter, gradient + at));
    for (int64_t k = 0; k < count; k++) sum += gradient[at + k] * gradient[at + k];
    at += count;
  }
  *norm = sqrt(sum);
  if (isfinite(*norm) && *norm > 0) return APF_OK;
  return apf_fail(s->ctx, APF_ERR_NOT_FINITE, __func__, "the gradient's norm is %g", *norm);
}

/** Loss and gradient for the parameters as they are; see take(). */
static apf_status differentiate(effect_step *s, double *loss, double *values, double *gradient,
                                double *norm)
{
  APF_TRY(loss_of(s, loss));
  APF_TRY(apf_graph_backward(s->graph));
  return take(s, values, gradient, norm);
}

/** The loss, the norm of its gradient, and how far differences of it are from that, as a share. */
static apf_status check_gradient(effect_step *s, double *loss, double *norm, double *error)
{
  const double share = 1e-9; /* of the loss that the step h moves it by: above its rounding */
  apf_status status = APF_OK;
  const size_t count = (size_t)parameter_values(s);
  double *values = calloc(3 * count, sizeof *values), *gradient = values + count,
         *scratch = gradient + count, up, down;
  if (!values) return apf_fail(s->ctx, APF_ERR_MEMORY, __func__, "no memory for the gradient");
  APF_TRY_GOTO(differentiate(s, loss, values, gradient, norm), done);
  if (s->shape.dtype == APF_F32) goto done;
  const double by = share * *loss / (*norm * *norm); /* h = by |g| */
  APF_TRY_GOTO(move(s, values, gradient, by, scratch), done);
  APF_TRY_GOTO(loss_of(s, &up), done);
  APF_TRY_GOTO(move(s, values, gradient, -by, scratch), done);
  APF_TRY_GOTO(loss_of(s, &down), done);
  APF_TRY_GOTO(move(s, values, gradient, 0, scratch), done);
  *error = fabs((up - down) / (2 * share * *loss) - 1);
done:
  free(values);
  return status;
}

/** Largest difference to the renderer, by its largest value. */
static apf_status check_forward(effect_step *s, double *error)
{
  const int64_t T = s->shape.T, count = s->shape.B * T;
  double *y = malloc((size_t)count * (sizeof *y + sizeof(float))), peak = 0, difference = 0;
  if (!y) return apf_fail(s->ctx, APF_ERR_MEMORY, __func__, "no memory for the rendering");
  float *row = (float *)(y + count);
  apf_status status = apf_graph_get(s->graph, apf_graph_find(s->graph, "y"), y);
  for (int64_t b = 0; b < s->shape.B && status == APF_OK; b++) {
    for (int64_t t = 0; t < T; t++) row[t] = (float)s->input[b * T + t];
    status = apf_model_render(s->ctx, s->model, 1, T, 0, row, row);
    for (int64_t t = 0; t < T; t++) {
      peak = fmax(peak, fabs((double)row[t]));
      difference = fmax(difference, fabs((double)row[t] - y[b * T + t]));
    }
  }
  *error = difference / peak;
  free(y);
  return status;
}

static apf_status refuse(effect_step *s, const char *what, double error)
{
  return apf_fail(s->ctx, APF_ERR_MISMATCH, __func__, "%s by %g", what, error);
}

/** The same step in double: its loss and the norm of its gradient, after they were checked. */
static apf_status check_double(effect_step s, double *loss, double *norm, bench_step_result *result)
{
  s.shape.dtype = APF_F64;
  apf_status status = APF_OK;
  APF_TRY_GOTO(effect_step_create(&s), done);
  APF_TRY_GOTO(check_gradient(&s, loss, norm, &result->gradient_error), done);
  if (!(result->gradient_error <= 1e-4))
    status = refuse(&s, "the gradient is off the loss's differences", result->gradient_error);
  if (status != APF_OK || effect_step_is_synth(&s) || !s.kind->effect) goto done;
  APF_TRY_GOTO(apf_graph_forward(s.graph), done);
  APF_TRY_GOTO(check_forward(&s, &result->forward_error), done);
  if (!(result->forward_error <= 1e-6)) /* of floats, which is what the renderer gives */
    status = refuse(&s, "the rendering is off the renderer's", result->forward_error);
done:
  effect_step_destroy(&s);
  return status;
}

apf_status effect_step_check(effect_step *s, bench_step_result *result)
{
  double loss, norm, double_loss, double_norm, unused;
  APF_TRY(check_double(*s, &double_loss, &double_norm, result));
  result->loss = double_loss;
  APF_TRY(effect_step_create(s));
  if (s->shape.dtype == APF_F64) return APF_OK;
  APF_TRY(check_gradient(s, &loss, &norm, &unused));
  result->float_error = fmax(fabs(loss / double_loss - 1), fabs(norm / double_norm - 1));
  if (result->float_error <= s->kind->float_tolerance) return APF_OK;
  return refuse(s, "loss or gradient in float is off that in double", result->float_error);
}
