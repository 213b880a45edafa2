/**
 * cuFFT over KissFFT.
 *
 * What cuFFT leaves open is made to hurt: a complex-to-real transform overwrites its input with NaN
 * when it is not in place, and is NaN where the spectrum is not that of a real signal (the first
 * bin, and the last of an even length, must be real).
 */
#include <complex>
#include <limits>
#include <map>
#include <vector>

#include <kissfft/kissfft.hh>

#include "cufft.h"
#include "machine.h"
#include "memory.h"
#include "poison.h"
#include "stream.h"

using namespace cuda_on_cpu;

namespace {

typedef std::lock_guard<std::recursive_mutex> Guard;

/* Always in double: cuFFT's own algorithms for large prime factors are more accurate in float than
 * KissFFT's sums. */
typedef std::vector<std::complex<double>> Row;

/** Where the elements of a batch are, in elements of the side's own type. */
struct Side {
  bool real;
  int64_t count, stride, distance;
};

struct Plan {
  bool made, automatic;
  int n, batch;
  cufftType type;
  Side in, out;
  cudaStream_t stream;
  void *work_area;
};

std::map<cufftHandle, Plan> &plans()
{
  static auto &all = *new std::map<cufftHandle, Plan>();
  return all;
}

Plan *find(cufftHandle handle)
{
  const auto found = plans().find(handle);
  return found == plans().end() ? nullptr : &found->second;
}

/** What the caller must give when it allocates for the plan: something, to see whether it does. */
size_t work_bytes(const Plan &plan)
{
  return static_cast<size_t>(plan.n) * 16;
}

Side side(bool real, int n, bool half, const int *embed, int stride, int distance)
{
  const int64_t count = half && !real ? n / 2 + 1 : n;
  if (!embed) return {real, count, 1, count};
  return {real, count, stride, distance};
}

template <class T>
T *element(void *data, const Side &side, int64_t row, int64_t i)
{
  return static_cast<T *>(data) + row * side.distance + i * side.stride;
}

/** Parts of a spectrum that a real signal does not have. */
bool is_hermitian(const Row &x)
{
  return x[0].imag() == 0 && (x.size() % 2 || x[x.size() / 2].imag() == 0);
}

template <class T>
void read_row(const Side &side, void *data, int64_t row, Row *x)
{
  const int64_t n = static_cast<int64_t>(x->size());
  for (int64_t i = 0; i < side.count; i++)
    (*x)[i] = side.real ? std::complex<double>(*element<T>(data, side, row, i))
                        : std::complex<double>(*element<std::complex<T>>(data, side, row, i));
  for (int64_t i = side.count; i < n; i++) (*x)[i] = std::conj((*x)[n - i]);
}

template <class T>
void write_row(const Side &side, void *data, int64_t row, const Row &x)
{
  for (int64_t i = 0; i < side.count; i++)
    if (side.real)
      *element<T>(data, side, row, i) = static_cast<T>(x[i].real());
    else
      *element<std::complex<T>>(data, side, row, i) = std::complex<T>(x[i]);
}

template <class T>
void transform(const Plan &plan, void *in, void *out, bool inverse)
{
  const kissfft<double> fft(static_cast<size_t>(plan.n), inverse);
  Row x(plan.n), y(plan.n);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (int64_t row = 0; row < plan.batch; row++) {
    read_row<T>(plan.in, in, row, &x);
    fft.transform(x.data(), y.data());
    if (plan.out.real && !is_hermitian(x)) y.assign(y.size(), {nan, nan});
    write_row<T>(plan.out, out, row, y);
    if (plan.out.real && in != out)
      for (int64_t i = 0; i < plan.in.count; i++)
        fill_with_nan(element<std::complex<T>>(in, plan.in, row, i), sizeof(std::complex<T>));
  }
}

template <class T>
bool is_there(const Plan &plan, const Side &side, const void *data)
{
  const int64_t last = (plan.batch - 1) * side.distance + (side.count - 1) * side.stride + 1;
  const int64_t bytes = last * static_cast<int64_t>(sizeof(T)) * (side.real ? 1 : 2);
  return reinterpret_cast<uintptr_t>(data) % (2 * sizeof(T)) == 0 &&
         is_device_memory(data, static_cast<size_t>(bytes));
}

/** In place each row stays where it is. */
bool rows_match(const Plan &plan)
{
  return plan.batch == 1 ||
         plan.in.distance * (plan.in.real ? 1 : 2) == plan.out.distance * (plan.out.real ? 1 : 2);
}

template <class T>
cufftResult execute(cufftHandle handle, cufftType type, void *in, void *out, int direction)
{
  const Guard guard(machine_lock());
  const Plan *plan = find(handle);
  if (!plan || !plan->made) return CUFFT_INVALID_PLAN;
  if (plan->type != type) return CUFFT_INVALID_TYPE;
  if (!plan->automatic && !plan->work_area) return CUFFT_NO_WORKSPACE;
  if (!is_there<T>(*plan, plan->in, in) || !is_there<T>(*plan, plan->out, out) ||
      (in == out && !rows_match(*plan)))
    return CUFFT_INVALID_VALUE;
  const cudaError_t error = enqueue(plan->stream, [plan = *plan, in, out, direction] {
    if (plan.work_area) fill_with_nan(plan.work_area, work_bytes(plan));
    transform<T>(plan, in, out, direction == CUFFT_INVERSE);
  });
  return error == cudaSuccess ? CUFFT_SUCCESS : CUFFT_EXEC_FAILED;
}

}  // namespace

cufftResult cufftCreate(cufftHandle *handle)
{
  static cufftHandle last;
  const Guard guard(machine_lock());
  *handle = ++last;
  plans()[*handle] = Plan();
  plans()[*handle].automatic = true;
  return CUFFT_SUCCESS;
}

cufftResult cufftDestroy(cufftHandle handle)
{
  const Guard guard(machine_lock());
  return plans().erase(handle) ? CUFFT_SUCCESS : CUFFT_INVALID_PLAN;
}

cufftResult cufftMakePlanMany(cufftHandle handle, int rank, int *n, int *inembed, int istride,
                              int idist, int *onembed, int ostride, int odist, cufftType type,
                              int batch, size_t *bytes)
{
  const Guard guard(machine_lock());
  Plan *plan = find(handle);
  if (!plan || plan->made) return CUFFT_INVALID_PLAN;
  if (rank != 1) return CUFFT_NOT_SUPPORTED;
  if (*n < 1 || batch < 1) return CUFFT_INVALID_SIZE;
  if (!inembed != !onembed) return CUFFT_INVALID_VALUE;
  /* cuFFT allocates here, even where the work area is the caller's */
  if (check_not_capturing(__func__) != cudaSuccess) return CUFFT_SETUP_FAILED;
  const bool from_real = type == CUFFT_R2C || type == CUFFT_D2Z;
  const bool to_real = type == CUFFT_C2R || type == CUFFT_Z2D;
  plan->n = *n;
  plan->batch = batch;
  plan->type = type;
  plan->in = side(from_real, *n, from_real || to_real, inembed, istride, idist);
  plan->out = side(to_real, *n, from_real || to_real, onembed, ostride, odist);
  plan->made = true;
  *bytes = work_bytes(*plan);
  return CUFFT_SUCCESS;
}

cufftResult cufftPlanMany(cufftHandle *handle, int rank, int *n, int *inembed, int istride,
                          int idist, int *onembed, int ostride, int odist, cufftType type,
                          int batch)
{
  size_t bytes = 0;
  cufftCreate(handle);
  const cufftResult result = cufftMakePlanMany(*handle, rank, n, inembed, istride, idist, onembed,
                                               ostride, odist, type, batch, &bytes);
  if (result != CUFFT_SUCCESS) cufftDestroy(*handle);
  return result;
}

cufftResult cufftPlan1d(cufftHandle *handle, int n, cufftType type, int batch)
{
  return cufftPlanMany(handle, 1, &n, nullptr, 1, 0, nullptr, 1, 0, type, batch);
}

cufftResult cufftSetStream(cufftHandle handle, cudaStream_t stream)
{
  const Guard guard(machine_lock());
  Plan *plan = find(handle);
  if (!plan) return CUFFT_INVALID_PLAN;
  plan->stream = stream;
  return CUFFT_SUCCESS;
}

cufftResult cufftSetAutoAllocation(cufftHandle handle, int automatic)
{
  const Guard guard(machine_lock());
  Plan *plan = find(handle);
  if (!plan || plan->made) return CUFFT_INVALID_PLAN;
  plan->automatic = automatic;
  return CUFFT_SUCCESS;
}

cufftResult cufftSetWorkArea(cufftHandle handle, void *memory)
{
  const Guard guard(machine_lock());
  Plan *plan = find(handle);
  if (!plan || !plan->made) return CUFFT_INVALID_PLAN;
  if (!is_device_memory(memory, work_bytes(*plan))) return CUFFT_INVALID_VALUE;
  plan->work_area = memory;
  return CUFFT_SUCCESS;
}

cufftResult cufftGetSize(cufftHandle handle, size_t *bytes)
{
  const Guard guard(machine_lock());
  const Plan *plan = find(handle);
  if (!plan || !plan->made) return CUFFT_INVALID_PLAN;
  *bytes = work_bytes(*plan);
  return CUFFT_SUCCESS;
}

cufftResult cufftExecR2C(cufftHandle plan, cufftReal *in, cufftComplex *out)
{
  return execute<float>(plan, CUFFT_R2C, in, out, CUFFT_FORWARD);
}
cufftResult cufftExecC2R(cufftHandle plan, cufftComplex *in, cufftReal *out)
{
  return execute<float>(plan, CUFFT_C2R, in, out, CUFFT_INVERSE);
}
cufftResult cufftExecC2C(cufftHandle plan, cufftComplex *in, cufftComplex *out, int direction)
{
  return execute<float>(plan, CUFFT_C2C, in, out, direction);
}
cufftResult cufftExecD2Z(cufftHandle plan, cufftDoubleReal *in, cufftDoubleComplex *out)
{
  return execute<double>(plan, CUFFT_D2Z, in, out, CUFFT_FORWARD);
}
cufftResult cufftExecZ2D(cufftHandle plan, cufftDoubleComplex *in, cufftDoubleReal *out)
{
  return execute<double>(plan, CUFFT_Z2D, in, out, CUFFT_INVERSE);
}
cufftResult cufftExecZ2Z(cufftHandle plan, cufftDoubleComplex *in, cufftDoubleComplex *out,
                         int direction)
{
  return execute<double>(plan, CUFFT_Z2Z, in, out, direction);
}
