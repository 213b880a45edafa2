/**
 * The plain scalar versions that stand beside fast kernels in src/cpu, for comparison:
 *
 *   APF_REFERENCE_REAL(fir_forward)   ...   reference::fir_forward<double>(ctx, ...)
 *
 * They take host memory, and any CPU context.
 */
#ifndef APF_TESTS_REFERENCE_H
#define APF_TESTS_REFERENCE_H

#include "support/support.h"

#define APF_DECLARE_REFERENCE(name, S) \
  extern "C" decltype(apf_##name##_##S) apf_cpu_##name##_reference_##S##_base;

#define APF_REFERENCE_REAL(name)                                            \
  APF_DECLARE_REFERENCE(name, f32)                                          \
  APF_DECLARE_REFERENCE(name, f64)                                          \
  namespace reference {                                                     \
  template <class T>                                                        \
  inline constexpr int name = 0;                                            \
  template <>                                                               \
  inline constexpr auto name<float> = apf_cpu_##name##_reference_f32_base;  \
  template <>                                                               \
  inline constexpr auto name<double> = apf_cpu_##name##_reference_f64_base; \
  }

#define APF_REFERENCE_SCALAR(name)                                             \
  APF_REFERENCE_REAL(name)                                                     \
  APF_DECLARE_REFERENCE(name, c64)                                             \
  APF_DECLARE_REFERENCE(name, c128)                                            \
  namespace reference {                                                        \
  template <>                                                                  \
  inline constexpr auto name<apf_c64> = apf_cpu_##name##_reference_c64_base;   \
  template <>                                                                  \
  inline constexpr auto name<apf_c128> = apf_cpu_##name##_reference_c128_base; \
  }

#endif
