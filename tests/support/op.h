/** The typed operators as templates, for tests that are written once over the type. */
#ifndef APF_TESTS_OP_H
#define APF_TESTS_OP_H

extern "C" {
#include "core/context.h"
#include "ops/ops.h"
}

/** op::fir_forward<double>(ctx, ...): the typed function of an operator, chosen by a template
 * argument. */
namespace op {
#define OP(name, arguments) \
  template <class scalar>   \
  inline constexpr int name = 0;
#include "core/ops_real.def"
#include "core/ops_scalar.def"
#undef OP
#define OP(name, arguments) \
  template <>               \
  inline constexpr auto name<float> = apf_##name##_f32;
#include "core/ops_real.def"
#include "core/ops_scalar.def"
#undef OP
#define OP(name, arguments) \
  template <>               \
  inline constexpr auto name<double> = apf_##name##_f64;
#include "core/ops_real.def"
#include "core/ops_scalar.def"
#undef OP
#define OP(name, arguments) \
  template <>               \
  inline constexpr auto name<apf_c64> = apf_##name##_c64;
#include "core/ops_scalar.def"
#undef OP
#define OP(name, arguments) \
  template <>               \
  inline constexpr auto name<apf_c128> = apf_##name##_c128;
#include "core/ops_scalar.def"
#undef OP
}  // namespace op

#endif
