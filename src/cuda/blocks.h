/** Grids with a block for every item of work. */
#ifndef APF_CUDA_BLOCKS_H
#define APF_CUDA_BLOCKS_H

#include "cuda/cuda.h"

namespace apf_cuda {

/** A block each, but for more items than any grid takes: kernels loop by APF_BLOCK_LOOP. */
inline unsigned block_each(int64_t items)
{
  const int64_t most = INT64_C(1) << 30;
  return static_cast<unsigned>(items < most ? items : most);
}

#define APF_BLOCK_LOOP(item, items) \
  for (int64_t item = blockIdx.x; item < (items); item += gridDim.x)

}  // namespace apf_cuda

#endif
