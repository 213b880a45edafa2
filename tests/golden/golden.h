/**
 * Runs reference vectors: files TYPE__VARIANT.safetensors with inputs and the results that others
 * got from them. allpole_golden DIR... runs every file of each folder in double and in float.
 *
 * To add a type, add a file here (it is found by itself) with one function that computes from the
 * case's inputs everything else that is in the file, and its registration:
 *
 *   template <class T>
 *   static void gain(golden::Case &c)
 *   {
 *     const golden::Tolerance tolerance = {1e-12, 1e-6};       // float64, float32
 *     auto x = c.input<T>("x"), y = c.array<T>(c.elements("x"));
 *     c.call(op::gain_forward<T>(c.ctx(), c.size("x", 0), x.data(), y.data()));
 *     c.compare("y", y, tolerance);
 *   }
 *   static const golden::Type registered("gain", gain<double>, gain<float>);
 *
 * A tensor of the file that was neither used nor compared fails the case, so that no result is
 * forgotten; c.ignore() is for those that the library has no counterpart of. c.skip() is for
 * variants that are not implemented: they are counted, not hidden.
 */
#ifndef APF_TESTS_GOLDEN_H
#define APF_TESTS_GOLDEN_H

#include "support/op.h"

extern "C" {
#include "io/safetensors.h"
}

#include <set>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace golden {

/** Largest error allowed, see Case::compare(). */
struct Tolerance {
  double f64, f32;
};

/** Thrown to end a case. */
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct Skip : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class T>
inline constexpr bool is_complex = std::is_same_v<T, apf_c64> || std::is_same_v<T, apf_c128>;
template <class T>
using real_of =
    std::conditional_t<is_complex<T>, std::conditional_t<std::is_same_v<T, apf_c64>, float, double>,
                       T>;
/** The complex type of float or double. */
template <class T>
using complex_of = std::conditional_t<std::is_same_v<T, float>, apf_c64, apf_c128>;

/** An array in the memory of the backend. */
template <class T>
class Buffer {
 public:
  Buffer(apf_context *ctx, int64_t n) : ctx_(ctx), n_(n)
  {
    void *memory = nullptr;
    if (n < 0 || ctx->table->allocate(ctx, bytes(), &memory) != APF_OK)
      throw Failure(std::string("cannot allocate: ") + apf_last_error(ctx));
    data_ = static_cast<T *>(memory);
  }
  Buffer(Buffer &&other) noexcept : ctx_(other.ctx_), n_(other.n_), data_(other.data_)
  {
    other.data_ = nullptr;
  }
  Buffer &operator=(Buffer &&) = delete;
  ~Buffer()
  {
    if (data_) ctx_->table->release(ctx_, data_);
  }
  T *data() { return data_; }
  int64_t size() const { return n_; }

  /** From and to doubles on the host; a complex number is two of them. */
  void set(const std::vector<double> &values)
  {
    std::vector<real_of<T>> parts(values.begin(), values.end());
    if (parts.size() * sizeof(parts[0]) != bytes() ||
        ctx_->table->upload(ctx_, data_, parts.data(), bytes()) != APF_OK)
      throw Failure("cannot upload an array");
  }
  std::vector<double> values()
  {
    std::vector<real_of<T>> parts(bytes() / sizeof(real_of<T>));
    if (ctx_->table->download(ctx_, parts.data(), data_, bytes()) != APF_OK)
      throw Failure("cannot download an array");
    return {parts.begin(), parts.end()};
  }

 private:
  size_t bytes() const { return static_cast<size_t>(n_) * sizeof(T); }
  apf_context *ctx_;
  int64_t n_;
  T *data_ = nullptr;
};

/** One file in one precision. */
class Case {
 public:
  Case(apf_context *ctx, const apf_safetensors *file, const std::string &variant, apf_dtype dtype)
      : ctx_(ctx), file_(file), variant_(variant), dtype_(dtype)
  {
  }

  apf_context *ctx() const { return ctx_; }
  apf_dtype dtype() const { return dtype_; }
  const std::string &variant() const { return variant_; }
  bool variant_begins_with(const char *prefix) const { return variant_.rfind(prefix, 0) == 0; }

  /** Metadata of the file: as text ("" if there is none), or as a number (fails if there is none).
   */
  std::string setting(const char *key) const;
  double number(const char *key) const;

  /** Names of all tensors, in the order of the file. */
  std::vector<std::string> names() const;
  bool has(const char *name) const { return apf_safetensors_find(file_, name) != nullptr; }
  int rank(const char *name) const { return find(name).rank; }
  int64_t size(const char *name, int axis) const;
  std::vector<int64_t> shape(const char *name) const;
  int64_t elements(const char *name) const { return apf_tensor_elements(&find(name)); }

  /** Values of a tensor that is an input. */
  std::vector<double> values(const char *name);
  /** The same in the backend's memory; for complex T the tensor's last axis is (re, im). */
  template <class T>
  Buffer<T> input(const char *name)
  {
    const std::vector<double> host = values(name);
    Buffer<T> buffer(ctx_, static_cast<int64_t>(host.size()) / (is_complex<T> ? 2 : 1));
    buffer.set(host);
    return buffer;
  }
  /** n elements to be written. */
  template <class T>
  Buffer<T> array(int64_t n)
  {
    return Buffer<T>(ctx_, n);
  }

  /** Ends the case unless a library call succeeded. */
  void call(apf_status status) const
  {
    if (status != APF_OK) throw Failure(apf_last_error(ctx_));
  }

  /** Notes max|got - want| / max|want|; where all of want is zero max|got|, of which 1e-12 is
   *  allowed. */
  void compare(const char *name, const std::vector<double> &got, Tolerance tolerance);
  template <class T>
  void compare(const char *name, Buffer<T> &got, Tolerance tolerance)
  {
    compare(name, got.values(), tolerance);
  }
  /** The file's other results of this name have no counterpart. */
  void ignore(const char *name) { touched_.insert(name); }
  [[noreturn]] void skip(const std::string &why) const { throw Skip(why); }

  /** Errors of what was compared; the worst is the one nearest to (or farthest over) its bound. */
  struct Error {
    std::string tensor;
    double error, bound;
  };
  const std::vector<Error> &errors() const { return errors_; }
  /** Tensors that nobody asked for. */
  std::vector<std::string> untouched() const;

 private:
  const apf_tensor &find(const char *name) const;

  apf_context *ctx_;
  const apf_safetensors *file_;
  std::string variant_;
  apf_dtype dtype_;
  std::set<std::string> touched_;
  std::vector<Error> errors_;
};

/** Registers the functions of a type when the program starts. */
class Type {
 public:
  using Function = void (*)(Case &);
  Type(const char *name, Function in_double, Function in_float);
};

}  // namespace golden

#endif
