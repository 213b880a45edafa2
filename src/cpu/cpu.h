/** The CPU backend's prototypes, made from the operator lists. Compiled per dtype and instruction
 * set. */
#ifndef APF_CPU_CPU_H
#define APF_CPU_CPU_H

#include "core/context.h"
#include "core/precision.h"

/* A plain name_reference exists only where the fast kernel differs from it. */
#define OP(name, arguments)           \
  apf_status APF_CPU(name) arguments; \
  apf_status APF_CPU(name##_reference) arguments;
#if !APF_IS_COMPLEX
#include "core/ops_real.def"
#endif
#include "core/ops_scalar.def"
#undef OP

#endif
