#include "cpu/vmath.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

/* Error in units in the last place of the wanted value (of 1.0 where `absolute`). */
template <class T, class Wide>
double ulps(T got, Wide want, bool absolute = false)
{
  const T rounded = absolute ? T(1) : T(want);
  const T step =
      std::nextafter(std::abs(rounded), std::numeric_limits<T>::infinity()) - std::abs(rounded);
  return std::abs(double((Wide(got) - want) / Wide(step)));
}

template <class T, class Wide>
double worst(T (*fast)(T), Wide (*exact)(Wide), double low, double high, bool absolute = false)
{
  double error = 0;
  for (int i = 0; i <= 200000; i++) {
    const T x = T(low + (high - low) * i / 200000);
    error = std::max(error, ulps<T, Wide>(fast(x), exact(Wide(x)), absolute));
  }
  return error;
}

template <class Wide>
Wide sigmoid(Wide x)
{
  return 1 / (1 + std::exp(-x));
}

using Wide = long double;

TEST(VMath, ExponentialsAreWithinFourUlps)
{
  EXPECT_LE((worst<float, double>(vm_exp_f32, std::exp, -86, 88.7)), 4);
  EXPECT_LE((worst<double, Wide>(vm_exp_f64, std::exp, -707, 709.7)), 4);
  EXPECT_LE((worst<float, double>(vm_expm1_f32, std::expm1, -20, 88)), 4);
  EXPECT_LE((worst<float, double>(vm_expm1_f32, std::expm1, -0.7, 0.7)), 4);
  EXPECT_LE((worst<double, Wide>(vm_expm1_f64, std::expm1, -40, 700)), 4);
  EXPECT_LE((worst<double, Wide>(vm_expm1_f64, std::expm1, -0.7, 0.7)), 4);
}

TEST(VMath, TanhAndSigmoidAreWithinFourUlps)
{
  for (double range : {1e-3, 0.5, 3.0, 30.0}) {
    EXPECT_LE((worst<float, double>(vm_tanh_f32, std::tanh, -range, range)), 4) << range;
    EXPECT_LE((worst<double, Wide>(vm_tanh_f64, std::tanh, -range, range)), 4) << range;
    EXPECT_LE((worst<float, double>(vm_sigmoid_f32, sigmoid, -range, range)), 4) << range;
    EXPECT_LE((worst<double, Wide>(vm_sigmoid_f64, sigmoid, -range, range)), 4) << range;
  }
}

TEST(VMath, LogarithmIsWithinFourUlps)
{
  for (double range : {1e-30, 0.7, 1.5, 1e30}) {
    EXPECT_LE((worst<float, double>(vm_log_f32, std::log, range / 2, range * 2)), 4) << range;
    EXPECT_LE((worst<double, Wide>(vm_log_f64, std::log, range / 2, range * 2)), 4) << range;
  }
}

TEST(VMath, SineAndCosineAreWithinTwoUlpsOfOne)
{
  for (double range : {0.5, 4.0, 100.0, double(VM_TRIG_LIMIT_F32)}) {
    EXPECT_LE((worst<float, double>(vm_sin_f32, std::sin, -range, range, true)), 2) << range;
    EXPECT_LE((worst<float, double>(vm_cos_f32, std::cos, -range, range, true)), 2) << range;
  }
  for (double range : {0.5, 4.0, 1000.0, VM_TRIG_LIMIT_F64}) {
    EXPECT_LE((worst<double, Wide>(vm_sin_f64, std::sin, -range, range, true)), 2) << range;
    EXPECT_LE((worst<double, Wide>(vm_cos_f64, std::cos, -range, range, true)), 2) << range;
  }
}

TEST(VMath, LimitsAreThoseOfLibm)
{
  const float inf = INFINITY, nan = NAN;

  EXPECT_EQ(vm_exp_f32(1000.0f), inf);
  EXPECT_EQ(vm_exp_f64(1000.0), inf);
  EXPECT_EQ(vm_exp_f32(-inf), 0.0f);
  EXPECT_EQ(vm_exp_f64(-inf), 0.0);
  EXPECT_EQ(vm_exp_f32(0.0f), 1.0f);
  EXPECT_EQ(vm_expm1_f32(-inf), -1.0f);
  EXPECT_EQ(vm_expm1_f64(inf), inf);
  EXPECT_EQ(vm_expm1_f64(-inf), -1.0);
  EXPECT_EQ(vm_tanh_f32(inf), 1.0f);
  EXPECT_EQ(vm_tanh_f64(-inf), -1.0);
  EXPECT_TRUE(std::signbit(vm_tanh_f64(-0.0)));
  EXPECT_EQ(vm_sigmoid_f32(inf), 1.0f);
  EXPECT_LE(vm_sigmoid_f64(-inf), 1e-307);
  EXPECT_EQ(vm_log_f32(0.0f), -inf);
  EXPECT_EQ(vm_log_f64(0.0), -inf);
  EXPECT_EQ(vm_log_f32(inf), inf);
  EXPECT_TRUE(std::isnan(vm_log_f64(-1.0)));
  EXPECT_NEAR(vm_log_f32(1e-40f), std::log(1e-40f), 1e-4);
  EXPECT_NEAR(vm_log_f64(5e-320), std::log(5e-320), 1e-10);
  for (float (*f)(float) :
       {vm_exp_f32, vm_expm1_f32, vm_tanh_f32, vm_sigmoid_f32, vm_log_f32, vm_sin_f32, vm_cos_f32})
    EXPECT_TRUE(std::isnan(f(nan)));
  for (double (*f)(double) :
       {vm_exp_f64, vm_expm1_f64, vm_tanh_f64, vm_sigmoid_f64, vm_log_f64, vm_sin_f64, vm_cos_f64})
    EXPECT_TRUE(std::isnan(f(double(nan))));
}
