/** The tables of the CUDA backend: every operator, run on its context's device. */
#include "cuda/cuda.h"

namespace apf_cuda {

template <auto function>
struct on_device;
template <class... Arguments, apf_status (*function)(apf_context *, Arguments...)>
struct on_device<function> {
  static apf_status run(apf_context *ctx, Arguments... arguments)
  {
    const OnDevice scope(ctx);
    return function(ctx, arguments...);
  }
};

extern const apf_ops_f32 ops_f32;
extern const apf_ops_f64 ops_f64;
extern const apf_ops_c64 ops_c64;
extern const apf_ops_c128 ops_c128;

#define OP(name, arguments) on_device<name<float>>::run,
const apf_ops_f32 ops_f32 = {
#include "core/ops_real.def"
#include "core/ops_scalar.def"
};
#undef OP

#define OP(name, arguments) on_device<name<double>>::run,
const apf_ops_f64 ops_f64 = {
#include "core/ops_real.def"
#include "core/ops_scalar.def"
};
#undef OP

#define OP(name, arguments) on_device<name<apf_c64>>::run,
const apf_ops_c64 ops_c64 = {
    nullptr,
#include "core/ops_scalar.def"
};
#undef OP

#define OP(name, arguments) on_device<name<apf_c128>>::run,
const apf_ops_c128 ops_c128 = {
    nullptr,
#include "core/ops_scalar.def"
};
#undef OP

}  // namespace apf_cuda
