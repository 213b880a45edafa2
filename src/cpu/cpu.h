/** The CPU backend's prototypes, made from the operator lists. Compiled per dtype and instruction
 * set. */
#ifndef APF_CPU_CPU_H
#define APF_CPU_CPU_H

#include "core/context.h"
#include "core/precision.h"

#define OP(name, arguments) apf_status APF_CPU(name) arguments;
#if !APF_IS_COMPLEX
#include "core/ops_real.def"
#endif
#include "core/ops_scalar.def"
#undef OP

#endif
