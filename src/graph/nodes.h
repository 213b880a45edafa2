/**
 * Everything a model can be written with. Equations only: the gradients come from the operators.
 *
 * Each function adds one node to the graph (or a few) and returns its result; after a mistake it
 * returns APF_NO_VAR and apf_graph_build tells. An axis counts from the front (0 is the first) or,
 * if negative, from the back (-1 is the last).
 */
#ifndef APF_GRAPH_NODES_H
#define APF_GRAPH_NODES_H

#include "graph/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- element by element ---------------------------------------------------------------------- */

apf_var apf_neg(apf_graph *g, apf_var x);
apf_var apf_exp(apf_graph *g, apf_var x);
apf_var apf_log(apf_graph *g, apf_var x);
apf_var apf_log10(apf_graph *g, apf_var x);
apf_var apf_tanh(apf_graph *g, apf_var x);
apf_var apf_sigmoid(apf_graph *g, apf_var x);  /**< 1 / (1 + exp(-x)) */
apf_var apf_softplus(apf_graph *g, apf_var x); /**< log(1 + exp(x)) */
apf_var apf_sin(apf_graph *g, apf_var x);
apf_var apf_cos(apf_graph *g, apf_var x);
apf_var apf_tan(apf_graph *g, apf_var x);
apf_var apf_abs(apf_graph *g, apf_var x); /**< derivative 0 at 0 */
apf_var apf_square(apf_graph *g, apf_var x);
apf_var apf_sqrt(apf_graph *g, apf_var x);
apf_var apf_reciprocal(apf_graph *g, apf_var x);
/** scale * x + offset */
apf_var apf_affine(apf_graph *g, apf_var x, double scale, double offset);
apf_var apf_scale(apf_graph *g, apf_var x, double scale);
apf_var apf_offset(apf_graph *g, apf_var x, double offset);
/** x^exponent */
apf_var apf_pow(apf_graph *g, apf_var x, double exponent);
/** min(max(x, low), high); the derivative is 1 at and between the limits. -INFINITY and INFINITY
 * are limits too. */
apf_var apf_clamp(apf_graph *g, apf_var x, double low, double high);
/** 10^(x/20): decibels to amplitude */
apf_var apf_db_to_amplitude(apf_graph *g, apf_var x);
/** 20 log10 x */
apf_var apf_amplitude_to_db(apf_graph *g, apf_var x);

/* Of two tensors, broadcast against each other as in NumPy. */
apf_var apf_add(apf_graph *g, apf_var a, apf_var b);
apf_var apf_sub(apf_graph *g, apf_var a, apf_var b);
apf_var apf_mul(apf_graph *g, apf_var a, apf_var b);
apf_var apf_div(apf_graph *g, apf_var a, apf_var b);
apf_var apf_min(apf_graph *g, apf_var a, apf_var b); /**< a tie gives each half the gradient */
apf_var apf_max(apf_graph *g, apf_var a, apf_var b);

/* --- reductions ------------------------------------------------------------------------------ */

/** Sets of axes: APF_AXIS(1) | APF_AXIS(-1); APF_ALL_AXES; APF_AXES_FROM(1): all but the first. */
#define APF_AXIS(i)      (1u << ((i) >= 0 ? (i) : 16 + (i)))
#define APF_AXES_FROM(i) (1u << 16 | (0xffu << (i)&0xffu))
#define APF_ALL_AXES     APF_AXES_FROM(0)

/** Summed in double, in an order that does not depend on the number of threads. keep: the axes stay
 *  with size 1. */
apf_var apf_sum(apf_graph *g, apf_var x, unsigned axes, bool keep);
apf_var apf_mean(apf_graph *g, apf_var x, unsigned axes, bool keep);

/* --- shapes ---------------------------------------------------------------------------------- */

/** Same elements in the same order; no copy. */
apf_var apf_reshape(apf_graph *g, apf_var x, apf_shape shape);
/** Broadcasts to `shape` by copying. Element-wise functions do not need it. */
apf_var apf_expand(apf_graph *g, apf_var x, apf_shape shape);
/** x[start : start+length] along an axis */
apf_var apf_slice(apf_graph *g, apf_var x, int axis, int64_t start, int64_t length);
apf_var apf_concat(apf_graph *g, const apf_var *x, int n, int axis);
/** Joins tensors of one shape along a new last axis: three of shape [...] give [..., 3].
 */
apf_var apf_stack(apf_graph *g, const apf_var *x, int n);
/** y[t] = x[t + n] along an axis, `fill` where that lies outside: n > 0 looks ahead, n < 0 delays.
 */
apf_var apf_shift(apf_graph *g, apf_var x, int axis, int64_t n, double fill);
apf_var apf_flip(apf_graph *g, apf_var x, int axis);
/** y's axis i is x's axis order[i]. */
apf_var apf_transpose(apf_graph *g, apf_var x, const int *order);

/* --- recursions and filters ------------------------------------------------------------------ */
/* Time is the last axis of signals; the leading axes of all arguments are broadcast against each
 * other. Optional states: APF_NO_VAR means zero. Equations in <allpole/ops.h>. */

/** y[t] = x[t] - sum_i a[t,i-1] y[t-i].  x [...,T]; a [...,F,M], F = T per sample, 1 constant, else
 *  interpolated; zi [...,M] newest first. */
apf_var apf_allpole(apf_graph *g, apf_var x, apf_var a, apf_var zi);
/** y[t] = a[t] y[t-1] + x[t].  x [...,T]; a [...,F], F = T or 1; zi [...]. */
apf_var apf_recurrence(apf_graph *g, apf_var x, apf_var a, apf_var zi);
/** y[t] = y[t-1] + c (x[t] - y[t-1]), c = at if x[t] < y[t-1] else rt.  x [...,T]; at, rt, zi
 * [...]. */
apf_var apf_ballistics(apf_graph *g, apf_var x, apf_var at, apf_var rt, apf_var zi);
/** y[t] = sum_k b[t,k] x[t-k].  x [...,T]; b [...,F,K]; zi [...,K-1] oldest first. */
apf_var apf_fir(apf_graph *g, apf_var x, apf_var b, apf_var zi);
/** Frames to T values along an axis, end points aligned. */
apf_var apf_interpolate(apf_graph *g, apf_var x, int axis, int64_t T);
/** Reflection coefficients [...,M] in (-1, 1) to the a of a stable all-pole filter [...,M]. */
apf_var apf_reflection_to_direct(apf_graph *g, apf_var k);

/* --- the compressor -------------------------------------------------------------------------- */
/* As above: leading axes are broadcast, optional arguments may be APF_NO_VAR. */

/** y[t] = (1 - c) y[t-1] + c x[t].  x [...,T]; c, zi [...]. */
apf_var apf_one_pole(apf_graph *g, apf_var x, apf_var c, apf_var zi);
/** The same from whole-signal transforms, as if x were periodic. */
apf_var apf_fft_one_pole(apf_graph *g, apf_var x, apf_var c);
/** Mean over channels of max(x^2, 1e-8).  x [...,C,T] to [...,T]. */
apf_var apf_compressor_level(apf_graph *g, apf_var x);
/** Averaged power to gain; docs/compressor_curve.md. power [...,T]; the others [...], in dB and as
 *  ratios; the expander's are optional. */
apf_var apf_compressor_curve(apf_graph *g, apf_var power, apf_var threshold, apf_var ratio,
                             apf_var exp_threshold, apf_var exp_ratio);
/** 10^(make_up/20) x[c,t] gain[t+delay], gain 1 at the end.  x [...,C,T]; gain [...,T]; make_up
 *  [...], optional. */
apf_var apf_compressor_apply(apf_graph *g, apf_var x, apf_var gain, apf_var make_up, int64_t delay);

/* --- spectra --------------------------------------------------------------------------------- */
/* Spectra are [...,F,K,2]: F = T / hop + 1 frames centred on every hop-th sample, K = n_fft/2 + 1
 * bins, real and imaginary part. A periodic Hann window of `window` <= n_fft samples; zeros outside
 * the signal, or with `reflect` its mirror image. Leading axes are broadcast. */

apf_var apf_stft(apf_graph *g, apf_var x, int64_t n_fft, int64_t window, int64_t hop, bool reflect);
/** Back to T samples; hop <= window / 2. */
apf_var apf_istft(apf_graph *g, apf_var X, int64_t T, int64_t window, int64_t hop);
/** X times B / A, the responses of b [...,F,Kb] and a [...,F,Ka], a[0] included. */
apf_var apf_frequency_filter(apf_graph *g, apf_var X, apf_var b, apf_var a);
/** The three above in one: x [...,T] filtered frame by frame, without the spectra in memory. */
apf_var apf_stft_filter(apf_graph *g, apf_var x, apf_var b, apf_var a, int64_t n_fft,
                        int64_t window, int64_t hop);
/** Likewise four all-passes with feedback, docs/stft_phaser.md: p [...,F]; g1, g2 [...]; the
 * biquad's b, a [...,3]. */
apf_var apf_stft_phaser(apf_graph *g, apf_var x, apf_var p, apf_var g1, apf_var g2, apf_var b,
                        apf_var a, int64_t n_fft, int64_t window, int64_t hop);

typedef struct apf_log_mel_settings {
  int64_t n_fft, hop, bands;
  double sample_rate; /**< Hz */
  double eps;
  bool offset; /**< false: ln max(M, eps); true: ln(M + eps) */
} apf_log_mel_settings;
/** Log-mel spectrogram, x [...,T] to [...,bands,F]; docs/log_mel.md. */
apf_var apf_log_mel(apf_graph *g, apf_var x, apf_log_mel_settings settings);

/* --- neural networks ------------------------------------------------------------------------- */

/** y[...,o] = sum_i x[...,i] w[o,i] + bias[o].  x [...,I]; w [O,I]; bias [O], optional. With
 * further axes in front, w [...,O,I] and bias [...,O] hold sets of parameters for x [...,N,I]. */
apf_var apf_linear(apf_graph *g, apf_var x, apf_var w, apf_var bias);
/** `same` zero padding, odd kernels.  x [B,I,H,W]; w [O,I,KH,KW]; bias [O], optional; dilation
 * along the last axis. */
apf_var apf_conv2d(apf_graph *g, apf_var x, apf_var w, apf_var bias, int64_t dilation);
/** Mean 0 and variance 1 over the last `axes` axes, without affine parameters. */
apf_var apf_layer_norm(apf_graph *g, apf_var x, int axes, double epsilon);
/** Maximum of groups of P neighbours along an axis; what does not fill a group is left out. */
apf_var apf_max_pool(apf_graph *g, apf_var x, int axis, int64_t P);
/** x where x > 0, else slope[c] x, c the position along `axis`.  slope [C]. */
apf_var apf_prelu(apf_graph *g, apf_var x, apf_var slope, int axis);
/** In training each value is 0 with probability `rate`, else x / (1 - rate). `step`: one value, the
 *  number of the training step, which with the context's seed chooses what is dropped. */
apf_var apf_dropout(apf_graph *g, apf_var x, double rate, apf_var step);
/** One layer, gates in the order i, f, g, o, to [B,T,H].  x [B,T,I]; w_ih [4H,I]; w_hh [4H,H];
 *  optional: b_ih, b_hh [4H]; h0, c0 [B,H]. */
apf_var apf_lstm(apf_graph *g, apf_var x, apf_var w_ih, apf_var w_hh, apf_var b_ih, apf_var b_hh,
                 apf_var h0, apf_var c0);

/* --- signals and coefficients ---------------------------------------------------------------- */
/* Leading axes of all arguments are broadcast against each other. */

/** Square (shape 0) to saw (1), f0 in Hz, phase in radians, optional.  All [...]; y [...,T]. */
apf_var apf_oscillator(apf_graph *g, apf_var f0, apf_var phase, apf_var shape, double sample_rate,
                       int64_t T);
/** max(0, 1 - (n + epsilon) / (sample_rate duration) - epsilon)^alpha.  All [...]; y [...,T]. */
apf_var apf_envelope(apf_graph *g, apf_var duration, apf_var alpha, double sample_rate,
                     double epsilon, int64_t T);
/** amplitude exp(-sigma^2 n) cos(omega n + phase); sigma is optional.  All [...]; y [...,T]. */
apf_var apf_damped_oscillator(apf_graph *g, apf_var amplitude, apf_var phase, apf_var sigma,
                              apf_var omega, int64_t T);
/** Low-pass of cutoff w (radians per sample) and resonance q, both [...], to a [...,2] (a1, a2),
 * which `scale` <= 1 makes a little smaller, and b [...,3]. */
void apf_lowpass_coefficients(apf_graph *g, apf_var w, apf_var q, double scale, apf_var *a,
                              apf_var *b);
/** Any [...,2] to the (a1, a2) of a stable filter: docs/triangle_coefficients.md. */
apf_var apf_triangle_coefficients(apf_graph *g, apf_var logits, double scale);

/* --- losses ---------------------------------------------------------------------------------- */
/* pred [...,T] against target of the same shape, or of its trailing axes (a batch of parameter sets
 * against one recording). The first `keep` axes of pred stay in the loss: 0 gives a scalar, 1 one
 * loss per parameter set. */

/** mean |pre(pred) - pre(target)|, pre: v[t] = x[t] - x[t-1] + 0.995 v[t-1]. */
apf_var apf_preemphasis_l1(apf_graph *g, apf_var pred, apf_var target, int keep);

typedef enum apf_esr_kind {
  APF_ESR_TOTAL, /**< sum(e^2) / sum(target^2) over everything; no epsilon */
  APF_ESR_MEAN,  /**< mean(e^2) / (mean(target^2) + 1e-8) over everything */
  APF_ESR_ROWS   /**< sum(e^2) / (sum(target^2) + 1e-8) per row of the last axis, rows averaged */
} apf_esr_kind;
/** Error-to-signal ratio, e = pred - target. */
apf_var apf_esr(apf_graph *g, apf_var pred, apf_var target, apf_esr_kind kind, int keep);

/* Spectral distances; docs/stft_loss.md. The target is data: it must not have a gradient. */

/** Multi-resolution STFT loss (MSS). T > 1024. */
apf_var apf_mrstft_loss(apf_graph *g, apf_var pred, apf_var target, int keep);
/** One resolution on 128 mel bands. T > 512. */
apf_var apf_mel_stft_loss(apf_graph *g, apf_var pred, apf_var target, double sample_rate, int keep);
/** Mean absolute difference of 40 cepstral coefficients. T > 512. */
apf_var apf_mfcc_l1(apf_graph *g, apf_var pred, apf_var target, double sample_rate, int keep);

#ifdef __cplusplus
}
#endif
#endif
