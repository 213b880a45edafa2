/**
 * Discrete Fourier transforms of 4 to 32 points, a whole vector of them at a time: every element is
 * a vec, whose lanes are independent signals. Unscaled; forward is e^{-2 pi i k n / N}. The inverse
 * is the forward transform with real and imaginary parts exchanged, in input and output.
 */
#ifndef APF_CPU_TILE_FFT_H
#define APF_CPU_TILE_FFT_H

#include "cpu/vector.h"

enum { TILE_FFT_MAX = 32 };

/* cos and sin of 2 pi m / 32 */
static const real tile_cos[TILE_FFT_MAX] = {
    1,
    (real)0.98078528040323044912,
    (real)0.92387953251128675613,
    (real)0.83146961230254523708,
    (real)0.70710678118654752440,
    (real)0.55557023301960222474,
    (real)0.38268343236508977173,
    (real)0.19509032201612826785,
    0,
    (real)-0.19509032201612826785,
    (real)-0.38268343236508977173,
    (real)-0.55557023301960222474,
    (real)-0.70710678118654752440,
    (real)-0.83146961230254523708,
    (real)-0.92387953251128675613,
    (real)-0.98078528040323044912,
    -1,
    (real)-0.98078528040323044912,
    (real)-0.92387953251128675613,
    (real)-0.83146961230254523708,
    (real)-0.70710678118654752440,
    (real)-0.55557023301960222474,
    (real)-0.38268343236508977173,
    (real)-0.19509032201612826785,
    0,
    (real)0.19509032201612826785,
    (real)0.38268343236508977173,
    (real)0.55557023301960222474,
    (real)0.70710678118654752440,
    (real)0.83146961230254523708,
    (real)0.92387953251128675613,
    (real)0.98078528040323044912,
};

APF_INLINE real tile_sin(int m)
{
  return tile_cos[(m + 24) % TILE_FFT_MAX];
}

/** (re, im) times e^{-2 pi i m / 32} */
APF_INLINE void tile_twiddle(vec *re, vec *im, int m)
{
  real c = tile_cos[m], s = tile_sin(m);
  vec r = *re * c + *im * s;
  *im = *im * c - *re * s;
  *re = r;
}

/** Radix 4 in place on elements k, k + M, k + 2M, k + 3M of arrays of N = 4 M, after the twiddles.
 */
APF_INLINE void tile_butterfly4(vec *re, vec *im, int k, int M)
{
  vec r0 = re[k] + re[k + 2 * M], i0 = im[k] + im[k + 2 * M];
  vec r2 = re[k] - re[k + 2 * M], i2 = im[k] - im[k + 2 * M];
  vec r1 = re[k + M] + re[k + 3 * M], i1 = im[k + M] + im[k + 3 * M];
  vec r3 = re[k + M] - re[k + 3 * M], i3 = im[k + M] - im[k + 3 * M];
  re[k] = r0 + r1;
  im[k] = i0 + i1;
  re[k + 2 * M] = r0 - r1;
  im[k + 2 * M] = i0 - i1;
  re[k + M] = r2 + i3;
  im[k + M] = i2 - r3;
  re[k + 3 * M] = r2 - i3;
  im[k + 3 * M] = i2 + r3;
}

/** Four transforms of M points, one after the other in re and im, become one of 4 M points. */
APF_INLINE void tile_combine4(vec *re, vec *im, int M)
{
#pragma GCC unroll 8
  for (int k = 0; k < M; k++) {
    int step = k * (TILE_FFT_MAX / (4 * M));
    if (k > 0) {
      tile_twiddle(re + k + M, im + k + M, step);
      tile_twiddle(re + k + 2 * M, im + k + 2 * M, 2 * step);
      tile_twiddle(re + k + 3 * M, im + k + 3 * M, 3 * step);
    }
    tile_butterfly4(re, im, k, M);
  }
}

APF_INLINE void tile_fft4(const vec *x, const vec *y, int stride, vec *re, vec *im)
{
  for (int j = 0; j < 4; j++) {
    re[j] = x[j * stride];
    im[j] = y[j * stride];
  }
  tile_butterfly4(re, im, 0, 1);
}

APF_INLINE void tile_fft8(const vec *x, const vec *y, int stride, vec *re, vec *im)
{
  tile_fft4(x, y, 2 * stride, re, im);
  tile_fft4(x + stride, y + stride, 2 * stride, re + 4, im + 4);
#pragma GCC unroll 4
  for (int k = 0; k < 4; k++) {
    tile_twiddle(re + k + 4, im + k + 4, 4 * k);
    vec r = re[k] - re[k + 4], i = im[k] - im[k + 4];
    re[k] += re[k + 4];
    im[k] += im[k + 4];
    re[k + 4] = r;
    im[k + 4] = i;
  }
}

APF_INLINE void tile_fft16(const vec *x, const vec *y, int stride, vec *re, vec *im)
{
  for (int j = 0; j < 4; j++)
    tile_fft4(x + j * stride, y + j * stride, 4 * stride, re + 4 * j, im + 4 * j);
  tile_combine4(re, im, 4);
}

APF_INLINE void tile_fft32(const vec *x, const vec *y, int stride, vec *re, vec *im)
{
  for (int j = 0; j < 4; j++)
    tile_fft8(x + j * stride, y + j * stride, 4 * stride, re + 8 * j, im + 8 * j);
  tile_combine4(re, im, 8);
}

/** (re, im)[k] = sum_n (x + i y)[n stride] e^{-2 pi i k n / N}, N = 4, 8, 16 or 32; not in place.
 */
APF_NOINLINE static void tile_fft(int N, const vec *x, const vec *y, int stride, vec *re, vec *im)
{
  switch (N) {
    case 4: tile_fft4(x, y, stride, re, im); break;
    case 8: tile_fft8(x, y, stride, re, im); break;
    case 16: tile_fft16(x, y, stride, re, im); break;
    default: tile_fft32(x, y, stride, re, im);
  }
}

/** N real points to their bins 0..N/2, bin k at re[k out], im[k out]; N = 8, 16 or 32. */
static void tile_fft_real(int N, const vec *x, vec *re, vec *im, int out)
{
  /* Even and odd points are the parts of one complex signal of M points. */
  vec zr[TILE_FFT_MAX], zi[TILE_FFT_MAX];
  const int M = N / 2;
  tile_fft(M, x, x + 1, 2, zr, zi);
  re[0] = zr[0] + zi[0];
  re[M * out] = zr[0] - zi[0];
  im[0] = im[M * out] = (vec){0};
  for (int k = 1; k < M; k++) {
    vec er = (zr[k] + zr[M - k]) * (real)0.5, ei = (zi[k] - zi[M - k]) * (real)0.5;
    vec qr = (zi[k] + zi[M - k]) * (real)0.5, qi = (zr[M - k] - zr[k]) * (real)0.5;
    tile_twiddle(&qr, &qi, k * (TILE_FFT_MAX / N));
    re[k * out] = er + qr;
    im[k * out] = ei + qi;
  }
}

/** N times the real signal whose bins 0..N/2 are re[k in] + i im[k in]; bins 0 and N/2 are real. */
static void tile_fft_real_inverse(int N, const vec *re, const vec *im, int in, vec *x)
{
  vec zr[TILE_FFT_MAX], zi[TILE_FFT_MAX], even[TILE_FFT_MAX], odd[TILE_FFT_MAX];
  const int M = N / 2;
  zr[0] = re[0] + re[M * in];
  zi[0] = re[0] - re[M * in];
  for (int k = 1; k < M; k++) {
    vec er = re[k * in] + re[(M - k) * in], ei = im[k * in] - im[(M - k) * in];
    vec qr = re[k * in] - re[(M - k) * in], qi = im[k * in] + im[(M - k) * in];
    /* times e^{+2 pi i k / N}: exchanged parts turn the other way */
    tile_twiddle(&qi, &qr, k * (TILE_FFT_MAX / N));
    zr[k] = er - qi;
    zi[k] = ei + qr;
  }
  tile_fft(M, zi, zr, 1, odd, even);
  for (int m = 0; m < M; m++) {
    x[2 * m] = even[m];
    x[2 * m + 1] = odd[m];
  }
}

#endif
