#include "golden/golden.h"

#include <algorithm>
#include <cmath>

namespace golden {

const apf_tensor &Case::find(const char *name) const
{
  const apf_tensor *tensor = apf_safetensors_find(file_, name);
  if (!tensor) throw Failure(std::string("the file has no tensor '") + name + "'");
  return *tensor;
}

std::string Case::setting(const char *key) const
{
  const char *value = apf_safetensors_metadata(file_, key);
  return value ? value : "";
}

double Case::number(const char *key) const
{
  try {
    return std::stod(setting(key));
  } catch (const std::logic_error &) {
    throw Failure(std::string("the file's setting '") + key + "' is '" + setting(key) +
                  "', expected a number");
  }
}

std::vector<std::string> Case::names() const
{
  std::vector<std::string> all;
  for (int i = 0; i < file_->tensor_count; i++) all.push_back(file_->tensors[i].name);
  return all;
}

int64_t Case::size(const char *name, int axis) const
{
  const apf_tensor &tensor = find(name);
  if (axis >= tensor.rank)
    throw Failure(std::string("tensor '") + name + "' has " + std::to_string(tensor.rank) +
                  " axes, expected " + std::to_string(axis + 1));
  return tensor.shape[axis];
}

std::vector<int64_t> Case::shape(const char *name) const
{
  const apf_tensor &tensor = find(name);
  return {tensor.shape, tensor.shape + tensor.rank};
}

std::vector<double> Case::values(const char *name)
{
  const apf_tensor &tensor = find(name);
  std::vector<double> out(static_cast<size_t>(apf_tensor_elements(&tensor)));
  apf_tensor_to_f64(&tensor, out.data());
  touched_.insert(name);
  return out;
}

void Case::compare(const char *name, const std::vector<double> &got, Tolerance tolerance)
{
  const std::vector<double> want = values(name);
  if (got.size() != want.size())
    throw Failure(std::string(name) + " has " + std::to_string(got.size()) +
                  " elements, the file's has " + std::to_string(want.size()));
  double difference = 0, peak = 0;
  for (size_t i = 0; i < want.size(); i++) {
    const double d = std::abs(got[i] - want[i]);
    difference = std::isfinite(d) ? std::max(difference, d) : INFINITY;
    peak = std::max(peak, std::abs(want[i]));
  }
  const double bound = dtype_ == APF_F64 ? tolerance.f64 : tolerance.f32;
  errors_.push_back({name, peak > 0 ? difference / peak : difference, peak > 0 ? bound : 1e-12});
}

std::vector<std::string> Case::untouched() const
{
  std::vector<std::string> left;
  for (const std::string &name : names())
    if (!touched_.count(name)) left.push_back(name);
  return left;
}

}  // namespace golden
