/**
 * When a recursion must not be cut into spans of time.
 *
 * A state may weigh H times on a later output before it decays. Serial, a recursion multiplies each
 * rounding by H. The state that follows from a span's map has rounding of H times its last digit
 * already, which the recursion then multiplies by H again. Of clustered poles in direct form H is
 * 1e4 and more; of a resonance at f of a rate R it is about R / (2 pi f).
 */
#ifndef APF_CORE_GROWTH_H
#define APF_CORE_GROWTH_H

/* eps H^2 is 6e-4 in float, 2e-10 in double. */
#define APF_MOST_GROWTH_F32 1e2
#define APF_MOST_GROWTH_F64 1e3

#endif
