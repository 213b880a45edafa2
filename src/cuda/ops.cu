/** The tables of the CUDA backend. */
#include "cuda/cuda.h"

namespace apf_cuda {

/* TRANSITION, until every operator has its file: those without are NULL in the tables. */
#define OP(name, arguments)              \
  template <>                            \
  __attribute__((weak)) decltype(name<float>) name<float>; \
  template <>                            \
  __attribute__((weak)) decltype(name<double>) name<double>;
#include "core/ops_real.def"
#include "core/ops_scalar.def"
#undef OP
#define OP(name, arguments)               \
  template <>                             \
  __attribute__((weak)) decltype(name<apf_c64>) name<apf_c64>; \
  template <>                             \
  __attribute__((weak)) decltype(name<apf_c128>) name<apf_c128>;
#include "core/ops_scalar.def"
#undef OP

extern const apf_ops_f32 ops_f32;
extern const apf_ops_f64 ops_f64;
extern const apf_ops_c64 ops_c64;
extern const apf_ops_c128 ops_c128;

#define OP(name, arguments) name<float>,
const apf_ops_f32 ops_f32 = {
#include "core/ops_real.def"
#include "core/ops_scalar.def"
};
#undef OP

#define OP(name, arguments) name<double>,
const apf_ops_f64 ops_f64 = {
#include "core/ops_real.def"
#include "core/ops_scalar.def"
};
#undef OP

#define OP(name, arguments) name<apf_c64>,
const apf_ops_c64 ops_c64 = {
    nullptr,
#include "core/ops_scalar.def"
};
#undef OP

#define OP(name, arguments) name<apf_c128>,
const apf_ops_c128 ops_c128 = {
    nullptr,
#include "core/ops_scalar.def"
};
#undef OP

}  // namespace apf_cuda
