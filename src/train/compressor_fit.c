#include "train/compressor_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "effects/compressor.h"
#include "ops/ops.h"

enum { N = APF_COMPRESSOR_PARAMETERS, STARTS = 16, BATCH = 16 };

/* A cost that falls by less is not worth a pass over the recording. */
static const double tolerance = 1e-6;

/* Human bounds: wider ones only add flat land. */
static const double lowest[N] = {-80, 1.01, 0.005, 0.005, 0.005, -60};
static const double highest[N] = {20, 200, 2000, 10000, 2000, 60};
/* Logit of the fastest coefficient, 0.9975: nearer to 1 nothing changes any more. */
static const double fastest = 6;
/* Raw: dB, log, logits, dB. */
static const double longest_step[N] = {10, 1, 2, 2, 2, 6};

struct apf_compressor_fit {
  apf_context *ctx;
  apf_lm *lm;
  int64_t channels, frames, look_ahead;
  int count;        /* of fitted parameters */
  int parameter[N]; /* which they are */
  const char *tensor[N];
  bool one_time; /* the release follows the attack */
  double energy; /* mean square of the pre-emphasised target */
  double lower[N], upper[N], max_step[N];

  double *memory; /* of the backend: input, target, then what follows */
  double *sets, *cost, *gradient, *hessian;
  double host_sets[BATCH * N], slopes[BATCH * N], host_gradient[BATCH * N],
      host_hessian[BATCH * N * N];
};

/* --- evaluation ------------------------------------------------------------------------------- */

/** Fills a set of the operator (dB, ratio, coefficients) from a raw point; slopes: d set / d raw.
 */
static void decode(const apf_compressor_fit *fit, const double *point, double *set, double *slope)
{
  for (int i = 0; i < fit->count; i++) {
    const int p = fit->parameter[i];
    const double raw = point[i];
    set[p] = raw;
    slope[p] = 1;
    if (p == APF_COMPRESSOR_RATIO) {
      slope[p] = exp(raw);
      set[p] = 1 + slope[p];
    } else if (p == APF_COMPRESSOR_ATTACK || p == APF_COMPRESSOR_RELEASE ||
               p == APF_COMPRESSOR_AVERAGE) {
      set[p] = 1 / (1 + exp(-raw));
      slope[p] = set[p] * (1 - set[p]);
    }
  }
  if (fit->one_time) {
    set[APF_COMPRESSOR_RELEASE] = set[APF_COMPRESSOR_ATTACK];
    slope[APF_COMPRESSOR_RELEASE] = slope[APF_COMPRESSOR_ATTACK];
  }
}

/** From the operator's parameters to raw ones; tied parameters add up. */
static void chain(const apf_compressor_fit *fit, const double *slope, const double *gradient,
                  const double *hessian, double *raw_gradient, double *raw_hessian)
{
  int to[N];
  for (int i = 0; i < fit->count; i++) to[fit->parameter[i]] = i;
  if (fit->one_time) to[APF_COMPRESSOR_RELEASE] = to[APF_COMPRESSOR_ATTACK];
  memset(raw_gradient, 0, (size_t)fit->count * sizeof *raw_gradient);
  memset(raw_hessian, 0, (size_t)(fit->count * fit->count) * sizeof *raw_hessian);
  for (int p = 0; p < N; p++) {
    raw_gradient[to[p]] += slope[p] * gradient[p];
    for (int q = 0; q < N; q++)
      raw_hessian[to[p] * fit->count + to[q]] += slope[p] * slope[q] * hessian[p * N + q];
  }
}

static apf_status evaluate(void *user, int64_t sets, const double *points, double *cost,
                           double *gradient, double *hessian)
{
  apf_compressor_fit *fit = user;
  const apf_backend_table *backend = fit->ctx->table;
  const int n = fit->count;
  const size_t row = (size_t)sets * sizeof(double);
  for (int64_t s = 0; s < sets; s++)
    decode(fit, points + s * n, fit->host_sets + s * N, fit->slopes + s * N);
  APF_TRY(backend->upload(fit->ctx, fit->sets, fit->host_sets, row * N));
  APF_TRY(apf_compressor_normal_f64(
      fit->ctx, sets, 1, fit->channels, fit->frames, fit->look_ahead, fit->memory,
      fit->memory + fit->channels * fit->frames, fit->sets, APF_COMPRESSOR_EXPANDER_THRESHOLD,
      APF_COMPRESSOR_EXPANDER_RATIO, fit->cost, fit->gradient, fit->hessian));
  APF_TRY(backend->download(fit->ctx, cost, fit->cost, row));
  APF_TRY(backend->download(fit->ctx, fit->host_gradient, fit->gradient, row * N));
  APF_TRY(backend->download(fit->ctx, fit->host_hessian, fit->hessian, row * N * N));
  for (int64_t s = 0; s < sets; s++)
    chain(fit, fit->slopes + s * N, fit->host_gradient + s * N, fit->host_hessian + s * N * N,
          gradient + s * n, hessian + s * n * n);
  return APF_OK;
}

/* --- starts ----------------------------------------------------------------------------------- */

/** dB of the mean power that the detector sees. */
static double mean_level(int64_t count, const float *x)
{
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += fmax((double)x[i] * (double)x[i], 1e-8);
  return count ? 10 * log10(sum / (double)count) : -80;
}

/**
 * The model's own values, then averages from none to slow with attacks and releases from fast to
 * slow, at thresholds about the recording's level: averages trade off against attacks, and whoever
 * starts above the signal sees no gradient, so every combination of neighbours must occur. Three
 * runs through the lists with different strides do it.
 */
static void choose_starts(const apf_compressor_fit *fit, const apf_model *model, double level,
                          double *points)
{
  static const double averages[] = {0.14, 1.6, 17, 0.47}; /* ms */
  static const double attacks[] = {50, 5, 1, 15}, releases[] = {50, 150, 300, 80};
  const double thresholds[] = {level, level - 8};
  for (int s = 0; s < STARTS; s++)
    for (int i = 0; i < fit->count; i++) {
      const int p = fit->parameter[i];
      double human = model->effect->get(model, p);
      if (s > 0 && p == APF_COMPRESSOR_THRESHOLD) human = thresholds[s / 4 % 2];
      if (s > 0 && p == APF_COMPRESSOR_ATTACK) human = attacks[s % 4];
      if (s > 0 && p == APF_COMPRESSOR_RELEASE) human = releases[(s + s / 4) % 4];
      if (s > 0 && p == APF_COMPRESSOR_AVERAGE) human = averages[(s + s / 4 + s / 8) % 4];
      points[s * fit->count + i] = s > 0 ? apf_compressor_to_raw(p, human, model->sample_rate)
                                         : *apf_model_scalar(model, fit->tensor[i]);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

static void choose_parameters(apf_compressor_fit *fit, const apf_model *model)
{
  fit->one_time = apf_compressor_variant_of(model) == APF_COMPRESSOR_SIMPLE;
  const bool keep_make_up = strcmp(apf_model_option_text(model, "train_make_up"), "no") == 0;
  for (int p = 0; p < N; p++) {
    if (p == APF_COMPRESSOR_RELEASE && fit->one_time) continue;
    const int i = fit->count++;
    const double rate = model->sample_rate;
    const double a = apf_compressor_to_raw(p, lowest[p], rate);
    const double b = apf_compressor_to_raw(p, highest[p], rate);
    fit->parameter[i] = p;
    fit->tensor[i] = apf_compressor_tensor(model, p);
    fit->max_step[i] = longest_step[p];
    fit->lower[i] = fmin(a, b); /* a long time is a small coefficient */
    fit->upper[i] = a < b ? b : fmin(a, fastest);
    if (p == APF_COMPRESSOR_MAKE_UP && keep_make_up)
      fit->lower[i] = fit->upper[i] = *apf_model_scalar(model, fit->tensor[i]);
  }
}

/** Copies the signals to the backend in double, and measures the target. */
static apf_status load(apf_compressor_fit *fit, const float *input, const float *target)
{
  const int64_t count = fit->channels * fit->frames;
  const int64_t sizes[] = {count, 2, (int64_t)sizeof(double)};
  if (apf_product(3, sizes) < 0)
    return apf_fail(fit->ctx, APF_ERR_ARGUMENT, "apf_compressor_fit_create",
                    "%lld channels of %lld frames overflow 64 bits", (long long)fit->channels,
                    (long long)fit->frames);
  const size_t results = BATCH * (1 + N + N + N * N);
  void *memory;
  APF_TRY(
      fit->ctx->table->allocate(fit->ctx, ((size_t)count * 2 + results) * sizeof(double), &memory));
  fit->memory = memory;
  fit->sets = fit->memory + 2 * count;
  fit->cost = fit->sets + BATCH * N;
  fit->gradient = fit->cost + BATCH;
  fit->hessian = fit->gradient + BATCH * N;

  double *wide = malloc((size_t)count * sizeof *wide + 1);
  if (!wide)
    return apf_fail(fit->ctx, APF_ERR_MEMORY, "apf_compressor_fit_create",
                    "no memory for %lld samples", (long long)count);
  const size_t bytes = (size_t)count * sizeof *wide;
  for (int64_t i = 0; i < count; i++) wide[i] = (double)input[i];
  apf_status status = fit->ctx->table->upload(fit->ctx, fit->memory, wide, bytes);
  double before = 0, value = 0;
  for (int64_t i = 0; i < count; i++) {
    if (i % fit->frames == 0) before = value = 0;
    wide[i] = (double)target[i];
    value = wide[i] - before + 0.995 * value;
    before = wide[i];
    fit->energy += value * value / (double)count;
  }
  if (status == APF_OK)
    status = fit->ctx->table->upload(fit->ctx, fit->memory + count, wide, bytes);
  free(wide);
  return status;
}

apf_status apf_compressor_fit_create(apf_context *ctx, const apf_model *model, int64_t channels,
                                     int64_t frames, const float *input, const float *target,
                                     apf_compressor_fit **out)
{
  *out = NULL;
  if (apf_compressor_variant_of(model) == APF_COMPRESSOR_FS)
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__,
                    "variant is fs, expected td or simple: lm differentiates the recursions");
  if (channels < 1 || frames < 1)
    return apf_fail(ctx, APF_ERR_ARGUMENT, __func__,
                    "%lld channels of %lld frames, expected at least one of each",
                    (long long)channels, (long long)frames);
  apf_status status = APF_OK;
  double points[STARTS * N];
  apf_compressor_fit *fit = calloc(1, sizeof *fit);
  if (!fit) return apf_fail(ctx, APF_ERR_MEMORY, __func__, "no memory for a fit");
  fit->ctx = ctx;
  fit->channels = channels;
  fit->frames = frames;
  fit->look_ahead = apf_compressor_look_ahead(model);
  choose_parameters(fit, model);
  APF_TRY_GOTO(load(fit, input, target), done);
  choose_starts(fit, model, mean_level(channels * frames, input), points);
  const apf_lm_problem problem = {.parameters = fit->count,
                                  .lower = fit->lower,
                                  .upper = fit->upper,
                                  .max_step = fit->max_step,
                                  .evaluate = evaluate,
                                  .user = fit};
  const apf_lm_options options = {.starts = STARTS, .batch = BATCH, .tolerance = tolerance};
  APF_TRY_GOTO(apf_lm_create(ctx, &problem, &options, points, &fit->lm), done);
done:
  if (status != APF_OK) {
    apf_compressor_fit_destroy(fit);
    return status;
  }
  *out = fit;
  return APF_OK;
}

void apf_compressor_fit_destroy(apf_compressor_fit *fit)
{
  if (!fit) return;
  apf_lm_destroy(fit->lm);
  if (fit->memory) fit->ctx->table->release(fit->ctx, fit->memory);
  free(fit);
}

apf_lm *apf_compressor_fit_lm(apf_compressor_fit *fit)
{
  return fit->lm;
}

double apf_compressor_fit_esr(const apf_compressor_fit *fit, double cost)
{
  return cost / (double)(fit->channels * fit->frames) / (fit->energy + 1e-8);
}

void apf_compressor_fit_write(const apf_compressor_fit *fit, apf_model *model)
{
  const double *best = apf_lm_best(fit->lm, NULL);
  for (int i = 0; i < fit->count; i++) *apf_model_scalar(model, fit->tensor[i]) = best[i];
}
