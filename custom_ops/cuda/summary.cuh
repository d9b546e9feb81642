// The summary: a 1x1 convolution of the ReLU of the scores. Only one tile of scores is in shared memory at a time.
#ifndef TFNXC_CUDA_SUMMARY_CUH_
#define TFNXC_CUDA_SUMMARY_CUH_

#include "cuda/products.cuh"

namespace tfnxc {
namespace cuda {

// NaN stays NaN.
template <typename A>
__device__ A relu(A score) {
  return score < 0 ? A(0) : score;
}

// Threads that share a group if each computes 2 filters. A summary without filters has a tile too: its gradient is 0.
__host__ __device__ inline int filter_lanes(const Shape& shape) {
  const int filters = shape.filters < kFiltersAtOnce ? shape.filters : kFiltersAtOnce;
  return filters == 0 ? 1 : (filters + 1) / 2;
}
__host__ __device__ inline int filter_tiles(const Shape& shape) {
  return shape.filters == 0 ? 1 : static_cast<int>(blocks_for(shape.filters, kFiltersAtOnce));
}

// A block writes some filters of one tile of positions of one image. The chunk must have all channels. Where there are
// too few such blocks, `shares` of them have some of the channels each, and write partial[share][position of the
// chunk][filter], without the bias.
template <bool kWholeWidth, typename T, typename A>
__global__ void __launch_bounds__(kThreads, blocks_at_once<A>(3))
    summary_kernel(Shape shape, Chunk chunk, Tiling tiling, Patches<A> x, Patches<A> y, const T* kernel, const T* bias,
                   int shares, A* partial, T* out) {
  constexpr int kFilters = kFiltersAtOnce, kStride = Most<A>::kOwnStride;
  alignas(16) __shared__ SharedArray<A, Most<A>::kOwnStride * kPixelsAtOnce> own;
  alignas(16) __shared__ SharedArray<A, Most<A>::kOtherStride * kPixelsAtOnce> other;
  alignas(16) __shared__ SharedArray<A, Most<A>::kWindow * kStride> scores;    // [window position][position]
  alignas(16) __shared__ SharedArray<A, Most<A>::kWindow * kFilters> weights;  // [window position][filter]
  BlockIndex block;
  const int first_filter = block.take(filter_tiles(shape)) * kFilters;
  const Rectangle tile = tiling.tile(block.take(tiling.tiles()));
  const int share = block.take(shares);
  const int64_t image = block.rest();
  const Place place(tiling, tiling.window_lanes());
  const Place result(tiling, filter_lanes(shape));  // the part of the summary that this thread computes
  const int filters = min(kFilters, shape.filters - first_filter);

  A summary[4][2] = {};
  const int end = static_cast<int>(int64_t{share + 1} * shape.channels / shares);
  for (int channel = static_cast<int>(int64_t{share} * shape.channels / shares); channel < end; ++channel) {
    for (int index = 0; index < tiling.parts(); ++index) {
      const WindowPart part = tiling.part(shape, index);
      A sums[4][4];
      compare<kWholeWidth>(x, y, image * shape.channels + channel, tile, part, place, own, other, sums);
      if (!place.idle) {
#pragma unroll
        for (int n = 0; n < 4; ++n) {
          const int w = place.lane + place.lanes * n;
#pragma unroll
          for (int m = 0; m < 4; ++m) scores[w * kStride + 4 * place.group + m] = relu(sums[m][n]);
        }
      }
      const int filter = threadIdx.x % kFilters;
      for (int w = threadIdx.x / kFilters; w < part.size(); w += blockDim.x / kFilters) {
        const int64_t map = static_cast<int64_t>(channel) * shape.window() + part.position(w, shape.columns);
        weights[w * kFilters + filter] =
            filter < filters ? static_cast<A>(kernel[map * shape.filters + first_filter + filter]) : A(0);
      }
      __syncthreads();
      if (result.idle) continue;
      const int met[2] = {result.lane, result.lane + result.lanes};
      add_products<kStride, kFilters, 0>(scores, 4 * result.group, weights, met, part.size(), summary);
    }
  }
  const int i = tile.row + result.row, j = tile.column + result.column;
  if (result.idle || i >= shape.height) return;
#pragma unroll
  for (int m = 0; m < 4; ++m) {
    if (j + m >= shape.width) break;
    const int64_t position = (image * shape.height + i) * shape.width + j + m;
#pragma unroll
    for (int n = 0; n < 2; ++n) {
      const int filter = first_filter + result.lane + result.lanes * n;
      if (filter >= first_filter + filters) continue;
      const int64_t at = position * shape.filters + filter, of_image = int64_t{shape.pixels()} * shape.filters;
      if (shares > 1) {
        partial[share * chunk.images * of_image + at] = summary[m][n];
      } else {
        out[chunk.image * of_image + at] = static_cast<T>(summary[m][n] + static_cast<A>(bias[filter]));
      }
    }
  }
}

// The positions of a tile. Those from row `end` on are ignored.
struct TilePositions {
  __device__ bool exists(int at) const { return row(at) < end && column(at) < width; }
  __device__ int row(int at) const { return tile.row + at / tile.columns; }
  __device__ int column(int at) const { return tile.column + at % tile.columns; }
  __device__ int64_t in_batch(int at) const { return (image * height + row(at)) * width + column(at); }

  Rectangle tile;
  int64_t image;
  int height, width, end;
};

// totals[m][n] = sum over the filters of upstream * kernel, for the same positions and window positions as `compare`,
// and in the same arrays. `kernel` begins with the maps of the channel.
template <typename T, typename A, typename Own, typename Other>
__device__ void compare_filters(const Shape& shape, const TilePositions& positions, WindowPart part, const Place& place,
                                const T* kernel, const T* upstream, Own& own, Other& other, A (&totals)[4][4]) {
  const int lane = threadIdx.x % kFiltersAtOnce, first_row = threadIdx.x / kFiltersAtOnce;
  const int rows = blockDim.x / kFiltersAtOnce;
  int met[4];
#pragma unroll
  for (int n = 0; n < 4; ++n) {
    const int w = place.lane + place.lanes * n;
    met[n] = w < part.size() ? w : 0;
#pragma unroll
    for (int m = 0; m < 4; ++m) totals[m][n] = 0;
  }
  for (int first = 0; first < shape.filters; first += kPixelsAtOnce) {
    const int count = min(kPixelsAtOnce, shape.filters - first);
    __syncthreads();
    for (int at = first_row; at < positions.tile.size() && lane < count; at += rows) {
      own[lane * Most<A>::kOwnStride + at] =
          positions.exists(at) ? static_cast<A>(upstream[positions.in_batch(at) * shape.filters + first + lane]) : A(0);
    }
    for (int w = first_row; w < part.size() && lane < count; w += rows) {
      const int64_t map = part.position(w, shape.columns);
      other[lane * Most<A>::kOtherStride + w] = static_cast<A>(kernel[map * shape.filters + first + lane]);
    }
    __syncthreads();
    if (place.idle) continue;
    add_products<Most<A>::kOwnStride, Most<A>::kOtherStride, 0>(own, 4 * place.group, other, met, count, totals);
  }
}

// The gradient of the scores of some rows of positions of the chunk's planes, of_scores[plane][position][window
// position], and each block's partial gradient of the kernel, partial[share][map][filter].
//
// A block has one channel, one part of the window, one tile of filters and one share. It processes every `shares`-th
// tile of positions of the chunk, so that its sums for the kernel stay in registers.
template <bool kWholeWidth, typename T, typename A>
__global__ void __launch_bounds__(kThreads, blocks_at_once<A>(2))
    summary_gradient_kernel(Shape shape, Chunk chunk, Tiling tiling, Patches<A> x, Patches<A> y, const T* kernel,
                            const T* upstream, int first_row, int rows, int shares, bool accumulate, A* of_scores,
                            A* partial) {
  constexpr int kFilters = kFiltersAtOnce, kStride = Most<A>::kWindowStride;
  alignas(16) __shared__ SharedArray<A, Most<A>::kOwnStride * kPixelsAtOnce> own;
  alignas(16) __shared__ SharedArray<A, Most<A>::kOtherStride * kPixelsAtOnce> other;
  alignas(16) __shared__ SharedArray<A, Most<A>::kOwn * kStride> scores;    // [position][window position]
  alignas(16) __shared__ SharedArray<A, Most<A>::kOwn * kFilters> sources;  // [position][filter]: upstream
  BlockIndex index;
  const int first_filter = index.take(filter_tiles(shape)) * kFilters;
  const WindowPart part = tiling.part(shape, index.take(tiling.parts()));
  const int channel = index.take(chunk.channels);
  const int64_t share = index.rest();
  const int filters = min(kFilters, shape.filters - first_filter);
  const int64_t first_map = static_cast<int64_t>(chunk.channel + channel) * shape.window();
  const Place place(tiling, tiling.window_lanes());
  // This thread's part of the gradient of the kernel: 4 window positions x 2 filters.
  const int result_lanes = filter_lanes(shape), result_lane = threadIdx.x % result_lanes;
  const int result_group = threadIdx.x / result_lanes;
  const bool result_idle = 4 * result_group >= part.size();

  A of_kernel[4][2] = {};
  for (int64_t item = share; item < chunk.images * tiling.tiles(); item += shares) {
    const int64_t image = item / tiling.tiles(), plane = image * chunk.channels + channel;
    Rectangle tile = tiling.tile(static_cast<int>(item % tiling.tiles()));
    tile.row += first_row;
    const TilePositions positions{tile, chunk.image + image, shape.height, shape.width, first_row + rows};
    A sums[4][4];
    compare<kWholeWidth>(x, y, plane, tile, part, place, own, other, sums);
    if (!place.idle) {
#pragma unroll
      for (int m = 0; m < 4; ++m) {
        const bool exists = positions.exists(4 * place.group + m);
#pragma unroll
        for (int n = 0; n < 4; ++n) {
          const int at = (4 * place.group + m) * kStride + place.lane + place.lanes * n;
          scores[at] = exists ? relu(sums[m][n]) : A(0);
        }
      }
    }
    const int lane = threadIdx.x % kFilters;
    for (int at = threadIdx.x / kFilters; at < tile.size(); at += blockDim.x / kFilters) {
      const bool exists = positions.exists(at) && lane < filters;
      sources[at * kFilters + lane] =
          exists ? static_cast<A>(upstream[positions.in_batch(at) * shape.filters + first_filter + lane]) : A(0);
    }
    __syncthreads();
    if (!result_idle) {
      const int met[2] = {result_lane, result_lane + result_lanes};
      add_products<kStride, kFilters, 0>(scores, 4 * result_group, sources, met, tile.size(), of_kernel);
    }
    if (first_filter > 0) continue;  // another block computes the gradient of these scores

    A totals[4][4];
    compare_filters(shape, positions, part, place, kernel + first_map * shape.filters, upstream, own, other, totals);
#pragma unroll
    for (int m = 0; m < 4; ++m) {
      const int at = 4 * place.group + m;
      if (place.idle || !positions.exists(at)) continue;
      const int64_t position = static_cast<int64_t>(positions.row(at) - first_row) * shape.width + positions.column(at);
      A* to = of_scores + (plane * rows * shape.width + position) * shape.window();
#pragma unroll
      for (int n = 0; n < 4; ++n) {
        const int w = place.lane + place.lanes * n;
        if (w < part.size()) to[part.position(w, shape.columns)] = sums[m][n] > 0 ? totals[m][n] : A(0);
      }
    }
  }
  if (result_idle) return;
#pragma unroll
  for (int m = 0; m < 4; ++m) {
    if (4 * result_group + m >= part.size()) break;
    const int64_t maps = static_cast<int64_t>(shape.channels) * shape.window();
    const int64_t map = first_map + part.position(4 * result_group + m, shape.columns);
    A* to = partial + (share * maps + map) * shape.filters + first_filter;
#pragma unroll
    for (int n = 0; n < 2; ++n) {
      const int filter = result_lane + result_lanes * n;
      if (filter < filters) to[filter] = accumulate ? to[filter] + of_kernel[m][n] : of_kernel[m][n];
    }
  }
}

}  // namespace cuda
}  // namespace tfnxc

#endif  // TFNXC_CUDA_SUMMARY_CUH_
