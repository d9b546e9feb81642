// The normalized correlation itself.
#ifndef TFNXC_CUDA_CORRELATION_CUH_
#define TFNXC_CUDA_CORRELATION_CUH_

#include "cuda/products.cuh"

namespace tfnxc {
namespace cuda {

// A block writes the scores of one tile of positions of one plane. Consecutive blocks have consecutive channels, which
// are also neighbors in memory.
template <bool kWholeWidth, typename T, typename A>
__global__ void __launch_bounds__(kThreads, blocks_at_once<A>(4))
    correlation_kernel(Shape shape, Chunk chunk, Tiling tiling, Patches<A> x, Patches<A> y, T* out) {
  alignas(16) __shared__ SharedArray<A, Most<A>::kOwnStride * kPixelsAtOnce> own;
  alignas(16) __shared__ SharedArray<A, Most<A>::kOtherStride * kPixelsAtOnce> other;
  BlockIndex block;
  const int channel = block.take(chunk.channels);
  const Rectangle tile = tiling.tile(block.take(tiling.tiles()));
  const int64_t image = block.rest();
  const Place place(tiling, tiling.window_lanes());
  const int64_t maps = static_cast<int64_t>(shape.channels) * shape.window();

  const int i = tile.row + place.row, j = tile.column + place.column;
  for (int index = 0; index < tiling.parts(); ++index) {
    const WindowPart part = tiling.part(shape, index);
    A sums[4][4];
    compare<kWholeWidth>(x, y, image * chunk.channels + channel, tile, part, place, own, other, sums);
    if (place.idle || i >= shape.height) continue;
    int map[4];  // -1: none
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      const int w = place.lane + place.lanes * n;
      map[n] = w < part.size() ? part.position(w, shape.columns) : -1;
    }
    T* to = out + (((chunk.image + image) * shape.height + i) * shape.width + j) * maps +
            static_cast<int64_t>(chunk.channel + channel) * shape.window();
#pragma unroll
    for (int m = 0; m < 4; ++m, to += maps) {
      if (j + m >= shape.width) break;
#pragma unroll
      for (int n = 0; n < 4; ++n) {
        if (map[n] >= 0) to[map[n]] = static_cast<T>(sums[m][n]);
      }
    }
  }
}

}  // namespace cuda
}  // namespace tfnxc

#endif  // TFNXC_CUDA_CORRELATION_CUH_
