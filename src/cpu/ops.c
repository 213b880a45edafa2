/** One table of the CPU backend: this file is compiled once per dtype and instruction set. */
#include "cpu/cpu.h"

#define OP(name, arguments) .name = APF_CPU(name),
extern const APF_FN(apf_ops) APF_CPU(ops);
const APF_FN(apf_ops) APF_CPU(ops) = {
#if APF_IS_COMPLEX
    .unused = 0,
#else
#include "core/ops_real.def"
#endif
#include "core/ops_scalar.def"
};
