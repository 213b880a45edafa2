/** Phases that grow with time, reduced in double: a float loses them after some thousand samples.
 */
#ifndef APF_CPU_TURNS_H
#define APF_CPU_TURNS_H

#include "core/precision.h"
#include "cpu/vmath.h"

#define TURNS_TWO_PI 6.28318530717958647693

/** Number of turns to the angle in -pi..pi; exact to rounding for |turns| < 2^51. */
static inline real angle_of_turns(double turns)
{
  return (real)(TURNS_TWO_PI * (turns - ((turns + VM_ROUND_F64) - VM_ROUND_F64)));
}

#endif
