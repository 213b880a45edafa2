/** What the emulation's own tests share: arrays in device memory, launches, runs over seeds. */
#ifndef CUDA_ON_CPU_TESTING_H
#define CUDA_ON_CPU_TESTING_H

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include <apf_device.h>

#include "emulator.h"

namespace cuda_on_cpu {

/** The mistake is there or not. */
enum class Kernel { CORRECT, BROKEN };

template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t n) : n_(n) { EXPECT_EQ(cudaMalloc(&data_, n * sizeof(T)), 0); }
  explicit DeviceArray(const std::vector<T> &values) : DeviceArray(values.size())
  {
    cudaMemcpy(data_, values.data(), n_ * sizeof(T), cudaMemcpyHostToDevice);
  }
  DeviceArray(const DeviceArray &) = delete;
  DeviceArray &operator=(const DeviceArray &) = delete;
  ~DeviceArray() { cudaFree(data_); }
  T *data() { return data_; }
  std::vector<T> values() const
  {
    std::vector<T> out(n_);
    cudaMemcpy(out.data(), data_, n_ * sizeof(T), cudaMemcpyDeviceToHost);
    return out;
  }

 private:
  T *data_ = nullptr;
  size_t n_;
};

/** 1, 2, 3 ... n */
inline std::vector<float> ramp(size_t n)
{
  std::vector<float> values(n);
  for (size_t i = 0; i < n; i++) values[i] = static_cast<float>(i + 1);
  return values;
}

/** Launches, and fetches the launch's error or that of the kernel. */
template <class... Parameters, class... Arguments>
cudaError_t run(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
                Arguments... arguments)
{
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
  return cudaGetLastError();
}

/** What a kernel did over the seeds. */
struct Outcome {
  int right = 0, wrong = 0, flagged = 0;
  std::string message; /**< of the last error */
};

constexpr int kSeeds = 24;

/** `trial` launches a kernel, stores the error and says whether the result is right. */
inline Outcome over_seeds(const std::function<bool(cudaError_t *error)> &trial)
{
  Outcome outcome;
  for (int seed = 0; seed < kSeeds; seed++) {
    set_seed(seed);
    cudaError_t error = cudaSuccess;
    const bool right = trial(&error);
    if (error != cudaSuccess) {
      outcome.flagged++;
      outcome.message = cudaGetErrorString(error);
    } else {
      (right ? outcome.right : outcome.wrong)++;
    }
  }
  set_seed(1);
  return outcome;
}

inline void expect_sound(const Outcome &outcome)
{
  EXPECT_EQ(outcome.right, kSeeds)
      << outcome.wrong << " wrong, " << outcome.flagged << " flagged: " << outcome.message;
}
/** Wrong results, or errors whose message has these words. */
inline void expect_caught(const Outcome &outcome, const char *words = "")
{
  EXPECT_GT(outcome.wrong + outcome.flagged, 0);
  EXPECT_NE(outcome.message.find(words), std::string::npos) << outcome.message;
}

}  // namespace cuda_on_cpu

#endif
