/** Every operator's typed prototype, public or not, made from the operator lists. */
#ifndef APF_OPS_OPS_H
#define APF_OPS_OPS_H

#include <allpole/ops.h>

#define real                float
#define scalar              float
#define OP(name, arguments) APF_MUST_CHECK apf_status apf_##name##_f32 arguments;
#include "core/ops_real.def"
#include "core/ops_scalar.def"
#undef OP
#undef scalar
#define scalar              apf_c64
#define OP(name, arguments) APF_MUST_CHECK apf_status apf_##name##_c64 arguments;
#include "core/ops_scalar.def"
#undef OP
#undef scalar
#undef real

#define real                double
#define scalar              double
#define OP(name, arguments) APF_MUST_CHECK apf_status apf_##name##_f64 arguments;
#include "core/ops_real.def"
#include "core/ops_scalar.def"
#undef OP
#undef scalar
#define scalar              apf_c128
#define OP(name, arguments) APF_MUST_CHECK apf_status apf_##name##_c128 arguments;
#include "core/ops_scalar.def"
#undef OP
#undef scalar
#undef real

#endif
