/**
 * Precision: a file that includes this is written once over `real` (or `scalar`) and compiled once
 * per dtype; the build defines exactly one of APF_F32, APF_F64, APF_C64, APF_C128 as 1
 * (APF_TYPED_*).
 *
 *   real     float or double: the type of signals, and of the parts of a complex number
 *   scalar   what a linear recursion runs on: real, or apf_c64 / apf_c128
 *   APF_FN(apf_x)   apf_x_f32, apf_x_f64, apf_x_c64 or apf_x_c128
 *   APF_CPU(x)      apf_cpu_x_f32_avx2: inside src/cpu, which is compiled per instruction set as
 * well
 */
#ifndef APF_CORE_PRECISION_H
#define APF_CORE_PRECISION_H

#include <allpole/core.h>

#define APF_CAT2(a, b) a##_##b
#define APF_CAT(a, b)  APF_CAT2(a, b)

#if defined(APF_TYPED_F32)
typedef float real;
typedef float scalar;
#define APF_SUFFIX        f32
#define APF_IS_COMPLEX    0
#define APF_REAL_IS_FLOAT 1
#elif defined(APF_TYPED_F64)
typedef double real;
typedef double scalar;
#define APF_SUFFIX        f64
#define APF_IS_COMPLEX    0
#define APF_REAL_IS_FLOAT 0
#elif defined(APF_TYPED_C64)
typedef float real;
typedef apf_c64 scalar;
#define APF_SUFFIX        c64
#define APF_IS_COMPLEX    1
#define APF_REAL_IS_FLOAT 1
#elif defined(APF_TYPED_C128)
typedef double real;
typedef apf_c128 scalar;
#define APF_SUFFIX        c128
#define APF_IS_COMPLEX    1
#define APF_REAL_IS_FLOAT 0
#else
#error "the build must define one of APF_TYPED_F32, APF_TYPED_F64, APF_TYPED_C64, APF_TYPED_C128"
#endif

#define APF_FN(name) APF_CAT(name, APF_SUFFIX)

#if defined(APF_ISA)
#define APF_CPU(name) APF_CAT(APF_CAT(apf_cpu_##name, APF_SUFFIX), APF_ISA)
#endif

/** Calls the float or the double function of libm: APF_MATH(exp)(x). */
#if APF_REAL_IS_FLOAT
#define APF_MATH(name) name##f
#else
#define APF_MATH(name) name
#endif

#endif
