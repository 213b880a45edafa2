/**
 * Operators as XLA custom calls. Compiled by allpole/jax/_calls.py against the headers in jaxlib.
 *
 * Every call has the attributes `sizes`, in the order of the C function, and `wants`, a bit for
 * each result; the arrays are the C function's, inputs first. The dtype is that of the first array.
 */
#include <allpole/core.h>
#include <allpole/ops.h>

#include <array>
#include <string>
#include <utility>

#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace {

/* XLA calls from threads of its own; a context must not be used by two of them at once. */
class thread_context {
 public:
  thread_context() : status_(apf_context_create(nullptr, &ctx_))
  {
    if (status_ != APF_OK) message_ = apf_last_error(nullptr);
  }
  ~thread_context() { apf_context_destroy(ctx_); }
  apf_context *get() const { return ctx_; }
  const std::string &message() const { return message_; }

 private:
  apf_context *ctx_ = nullptr;
  apf_status status_;
  std::string message_;
};

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
ffi::Error run(const functions &table, ffi::Span<const int64_t> sizes, int64_t wants,
               ffi::RemainingArgs inputs, ffi::RemainingRets outputs)
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

  static thread_local thread_context own;
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

#define HANDLER(name, types, sizes, arrays)                                                  \
  static ffi::Error name##_run(ffi::Span<const int64_t> s, int64_t w, ffi::RemainingArgs in, \
                               ffi::RemainingRets out)                                       \
  {                                                                                          \
    static const functions table = types(apf_##name);                                        \
    return run<sizes, arrays>(table, s, w, in, out);                                         \
  }                                                                                          \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(allpole_##name, name##_run,                                  \
                                ffi::Ffi::Bind()                                             \
                                    .Attr<ffi::Span<const int64_t>>("sizes")                 \
                                    .Attr<int64_t>("wants")                                  \
                                    .RemainingArgs()                                         \
                                    .RemainingRets())

HANDLER(allpole_forward, SCALAR, 4, 5);
HANDLER(allpole_backward, SCALAR, 4, 8);
HANDLER(allpole_jvp, SCALAR, 4, 8);
HANDLER(recurrence_forward, SCALAR, 3, 5);
HANDLER(recurrence_backward, SCALAR, 3, 8);
HANDLER(recurrence_jvp, SCALAR, 3, 8);
HANDLER(ballistics_forward, REAL, 2, 6);
HANDLER(fir_forward, REAL, 4, 5);
HANDLER(fir_backward, REAL, 4, 8);
