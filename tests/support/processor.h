/** What the tests of real-time effects share. */
#ifndef APF_TESTS_PROCESSOR_H
#define APF_TESTS_PROCESSOR_H

#include <allpole/effects.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

struct DestroyProcessor {
  void operator()(apf_processor *p) const { apf_processor_destroy(p); }
};
using Processor = std::unique_ptr<apf_processor, DestroyProcessor>;

/** Sends planar x through in blocks of the given lengths, over and over. */
inline std::vector<float> process(apf_processor *p, int64_t channels, const std::vector<float> &x,
                                  const std::vector<int64_t> &blocks, bool in_place = false)
{
  const int64_t frames = static_cast<int64_t>(x.size()) / channels;
  std::vector<float> y = in_place ? x : std::vector<float>(x.size(), NAN);
  std::vector<const float *> in(channels);
  std::vector<float *> out(channels);
  size_t k = 0;
  for (int64_t at = 0; at < frames;) {
    const int64_t n = std::min(blocks[k++ % blocks.size()], frames - at);
    for (int64_t c = 0; c < channels; c++) {
      in[c] = (in_place ? y.data() : x.data()) + c * frames + at;
      out[c] = y.data() + c * frames + at;
    }
    apf_processor_process(p, n, in.data(), out.data());
    at += n;
  }
  return y;
}

#endif
