/**
 * Operators as XLA custom calls, for the CPU and for CUDA. Compiled by allpole/jax/_calls.py
 * against the headers in jaxlib; what CUDA there is in it lies behind the C library.
 *
 * Every call has the attributes `sizes`, in the order of the C function, and `wants`, a bit for
 * each result; the arrays are the C function's, inputs first. The dtype is that of the first array.
 */
#include <allpole/core.h>
#include <allpole/ops.h>

#include <array>
#include <map>
#include <string>
#include <utility>

#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace {

class context {
 public:
  explicit context(const apf_context_options &options)
  {
    if (apf_context_create(&options, &ctx_) != APF_OK) message_ = apf_last_error(nullptr);
  }
  context(const context &) = delete;
  ~context() { apf_context_destroy(ctx_); }
  apf_context *get() const { return ctx_; }
  const std::string &message() const { return message_; }

 private:
  apf_context *ctx_ = nullptr;
  std::string message_;
};

/* XLA calls from threads of its own; a context must not be used by two of them at once. */
const context &own_context()
{
  static thread_local const context own([] {
    apf_context_options options;
    apf_context_options_init(&options);
    return options;
  }());
  return own;
}

const context &own_context(int32_t device, void *stream)
{
  static thread_local std::map<std::pair<int32_t, void *>, context> own;
  apf_context_options options;
  apf_context_options_init(&options);
  options.backend = APF_CUDA;
  options.device = device;
  options.stream = stream;
  return own.try_emplace({device, stream}, options).first->second;
}

/** The C function of each dtype; NULL where there is none. */
struct functions {
  const void *f32, *f64, *c64, *c128;

  const void *of(ffi::DataType dtype) const
  {
    switch (dtype) {
      case ffi::DataType::F32: return f32;
      case ffi::DataType::F64: return f64;
      case ffi::DataType::C64: return c64;
      case ffi::DataType::C128: return c128;
      default: return nullptr;
    }
  }
};

template <size_t>
using size = int64_t;
template <size_t>
using array = void *;

template <size_t... S, size_t... A>
apf_status call(const void *function, apf_context *ctx, ffi::Span<const int64_t> sizes,
                void *const *arrays, std::index_sequence<S...>, std::index_sequence<A...>)
{
  using signature = apf_status (*)(apf_context *, size<S>..., array<A>...);
  return reinterpret_cast<signature>(const_cast<void *>(function))(ctx, sizes[S]..., arrays[A]...);
}

template <size_t Sizes, size_t Arrays>
ffi::Error run(const functions &table, const context &own, ffi::Span<const int64_t> sizes,
               int64_t wants, ffi::RemainingArgs inputs, ffi::RemainingRets outputs)
{
  if (sizes.size() != Sizes || inputs.size() + outputs.size() != Arrays)
    return ffi::Error::InvalidArgument("allpole: a custom call with other arguments than expected");
  std::array<void *, Arrays> arrays;
  for (size_t i = 0; i < inputs.size(); i++)
    arrays[i] = inputs.get<ffi::AnyBuffer>(i)->untyped_data();
  for (size_t i = 0; i < outputs.size(); i++)
    arrays[inputs.size() + i] =
        wants >> i & 1 ? (*outputs.get<ffi::AnyBuffer>(i))->untyped_data() : nullptr;
  const void *function = table.of(inputs.get<ffi::AnyBuffer>(0)->element_type());
  if (!function) return ffi::Error::InvalidArgument("allpole: x is of a dtype without a kernel");

  if (!own.get()) return ffi::Error::Internal(own.message());
  apf_status status = call(function, own.get(), sizes, arrays.data(),
                           std::make_index_sequence<Sizes>(), std::make_index_sequence<Arrays>());
  return status == APF_OK ? ffi::Error::Success() : ffi::Error::Internal(apf_last_error(own.get()));
}

}  // namespace

#define ADDRESS(function) reinterpret_cast<const void *>(function)
#define REAL(name)                                             \
  {                                                            \
    ADDRESS(name##_f32), ADDRESS(name##_f64), nullptr, nullptr \
  }
#define SCALAR(name)                                                                    \
  {                                                                                     \
    ADDRESS(name##_f32), ADDRESS(name##_f64), ADDRESS(name##_c64), ADDRESS(name##_c128) \
  }

#define BIND()                                 \
  ffi::Ffi::Bind()                             \
      .Attr<ffi::Span<const int64_t>>("sizes") \
      .Attr<int64_t>("wants")                  \
      .RemainingArgs()                         \
      .RemainingRets()

#define HANDLER(name, types, sizes, arrays)                                                      \
  static const functions name##_table = types(apf_##name);                                       \
  static ffi::Error name##_on_cpu(ffi::Span<const int64_t> s, int64_t w, ffi::RemainingArgs in,  \
                                  ffi::RemainingRets out)                                        \
  {                                                                                              \
    return run<sizes, arrays>(name##_table, own_context(), s, w, in, out);                       \
  }                                                                                              \
  static ffi::Error name##_on_cuda(ffi::Span<const int64_t> s, int64_t w, ffi::RemainingArgs in, \
                                   ffi::RemainingRets out, int32_t device, void *stream)         \
  {                                                                                              \
    return run<sizes, arrays>(name##_table, own_context(device, stream), s, w, in, out);         \
  }                                                                                              \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(allpole_##name##_cpu, name##_on_cpu, BIND());                    \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(                                                                 \
      allpole_##name##_cuda, name##_on_cuda,                                                     \
      BIND().Ctx<ffi::DeviceOrdinal>().Ctx<ffi::PlatformStream<void *>>())

HANDLER(allpole_forward, SCALAR, 4, 5);
HANDLER(allpole_backward, SCALAR, 4, 8);
HANDLER(allpole_jvp, SCALAR, 4, 8);
HANDLER(recurrence_forward, SCALAR, 3, 5);
HANDLER(recurrence_backward, SCALAR, 3, 8);
HANDLER(recurrence_jvp, SCALAR, 3, 8);
HANDLER(ballistics_forward, REAL, 2, 6);
HANDLER(ballistics_backward, REAL, 2, 11);
HANDLER(fir_forward, REAL, 4, 5);
HANDLER(fir_backward, REAL, 4, 8);
