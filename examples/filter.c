/* Rings a resonance whose pitch rises, and asks how the energy of the sound depends on each sample
 * of the input and on each coefficient. */
#include <allpole/allpole.h>
#include <math.h>
#include <stdio.h>

enum { T = 1000, M = 2 };
static float x[T], a[T * M], y[T], dy[T], dx[T], da[T * M];

int main(void)
{
  apf_context *ctx = NULL;
  if (apf_context_create(NULL, &ctx) != APF_OK)
    return fprintf(stderr, "%s\n", apf_last_error(NULL));
  x[0] = 1.0f;
  for (int t = 0; t < T; t++) { /* poles of radius 0.995 at an angle that grows */
    a[t * M] = -2.0f * 0.995f * cosf(0.1f + 0.0005f * (float)t);
    a[t * M + 1] = 0.995f * 0.995f;
  }

  apf_status status = apf_allpole_forward_f32(ctx, 1, T, T, M, x, a, NULL, y, NULL);
  float energy = 0.0f;
  for (int t = 0; t < T; t++) {
    energy += y[t] * y[t];
    dy[t] = 2.0f * y[t];
  }
  if (status == APF_OK)
    status = apf_allpole_backward_f32(ctx, 1, T, T, M, dy, NULL, a, NULL, y, dx, da, NULL);
  if (status == APF_OK)
    printf("energy %.3f, by x[0]: %.3f, by a[500]: %.3f %.3f\n", energy, dx[0], da[500 * M],
           da[500 * M + 1]);
  else
    fprintf(stderr, "%s\n", apf_last_error(ctx));
  apf_context_destroy(ctx);
  return status != APF_OK;
}
