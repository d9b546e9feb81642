// The products that all kernels use, on arrays in shared memory.
#ifndef TFNXC_CUDA_PRODUCTS_CUH_
#define TFNXC_CUDA_PRODUCTS_CUH_

#include "cuda/patches.cuh"

namespace tfnxc {
namespace cuda {

// Adds to sums[m][n], for every i < count,
//
//   left[left_at + i * kLeftStride + m] * right[right_at[n] + i * kRightStride + m * kMove]
//
// kMove is 0 if the four neighbors of a group use the same entries of `right`, which are then read only once.
template <int kLeftStride, int kRightStride, int kMove, typename Left, typename Right, typename A, int kN>
__device__ void add_products(const Left& left, int left_at, const Right& right, const int (&right_at)[kN], int count,
                             A (&sums)[4][kN]) {
  for (int i = 0; i < count; ++i) {
    A factor[4];
#pragma unroll
    for (int m = 0; m < 4; ++m) factor[m] = left[left_at + i * kLeftStride + m];
#pragma unroll
    for (int n = 0; n < kN; ++n) {
      if (kMove == 0) {
        const A other = right[right_at[n] + i * kRightStride];
#pragma unroll
        for (int m = 0; m < 4; ++m) sums[m][n] += factor[m] * other;
      } else {
#pragma unroll
        for (int m = 0; m < 4; ++m) sums[m][n] += factor[m] * right[right_at[n] + i * kRightStride + m * kMove];
      }
    }
  }
}

// What this thread computes of a tile: a group of 4 neighbors, the first of them at `row` and `column` of the tile,
// combined with every lanes-th entry of something else, from `lane` on. Consecutive threads take consecutive entries.
struct Place {
  __device__ Place(const Tiling& tiling, int the_lanes)
      : lanes(the_lanes),
        lane(threadIdx.x % the_lanes),
        group(threadIdx.x / the_lanes),
        row(group * 4 / tiling.columns),
        column(group * 4 % tiling.columns),
        idle(group >= tiling.groups()) {}
  int lanes, lane, group, row, column;
  bool idle;  // without a group; such threads still load data and reach the barriers
};

// Compares the positions of a tile with a part of their search windows. sums[m][n] = ncc of the position
// 4 * group + m of the tile and the window position lane + lanes * n of the part, if both exist.
//
// It contains a barrier between the accesses to shared memory before and after it, so other arrays than `own` and
// `other` need no additional barrier around it.
template <bool kWholeWidth, typename A, typename Own, typename Other>
__device__ void compare(const Patches<A>& x, const Patches<A>& y, int64_t plane, Rectangle tile, WindowPart part,
                        const Place& place, Own& own, Other& other, A (&sums)[4][4]) {
  // The grid of y begins a halo outside the map, as search windows do. So the patch of y is at the sum of the positions
  // in x and in the window.
  const Rectangle others{tile.row + part.row, part.column + (kWholeWidth ? 0 : tile.column), tile.rows + part.rows - 1,
                         part.columns + (kWholeWidth ? 0 : tile.columns - 1)};
  int met[4];
#pragma unroll
  for (int n = 0; n < 4; ++n) {
    const int w = place.lane + place.lanes * n;
    const int row = w < part.size() ? w / part.columns : 0, column = w < part.size() ? w % part.columns : 0;
    met[n] = (place.row + row) * others.columns + column + (kWholeWidth ? 0 : place.column);
#pragma unroll
    for (int m = 0; m < 4; ++m) sums[m][n] = 0;
  }
  const int patch = x.patch_height * x.patch_width;
  for (int first = 0; first < patch; first += kPixelsAtOnce) {
    const int count = min(kPixelsAtOnce, patch - first);
    __syncthreads();
    // Threads are assigned from opposite ends, so that few do both.
    stage<Most<A>::kOwnStride, 1>(x, plane, tile, 0, x.rows, first, count, blockDim.x - 1 - threadIdx.x, own);
    stage<Most<A>::kOtherStride, 1>(y, plane, others, 0, y.rows, first, count, threadIdx.x, other);
    __syncthreads();
    if (place.idle) continue;
    add_products<Most<A>::kOwnStride, Most<A>::kOtherStride, kWholeWidth ? 0 : 1>(own, 4 * place.group, other, met,
                                                                                  count, sums);
  }
}

}  // namespace cuda
}  // namespace tfnxc

#endif  // TFNXC_CUDA_PRODUCTS_CUH_
