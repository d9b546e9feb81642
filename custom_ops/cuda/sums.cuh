// Sums in a fixed order, so that results are deterministic.
#ifndef TFNXC_CUDA_SUMS_CUH_
#define TFNXC_CUDA_SUMS_CUH_

#include "cuda/tiling.h"

namespace tfnxc {
namespace cuda {

// totals[i] = sum over `shares` of partial[share][i], plus bias[i % columns] if there is one.
template <typename T, typename A>
__global__ void __launch_bounds__(kThreads)
    add_shares_kernel(const A* partial, int shares, int64_t count, const T* bias, int columns, T* totals) {
  const int64_t at = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (at >= count) return;
  A sum = 0;
  for (int share = 0; share < shares; ++share) sum += partial[share * count + at];
  totals[at] = static_cast<T>(bias == nullptr ? sum : sum + static_cast<A>(bias[at % columns]));
}

constexpr int kColumnsOfSums = 32, kRowsOfSums = kThreads / kColumnsOfSums;

// partial[block][column] = sum of that column of the matrix (rows, columns) over the rows of this block.
template <typename T, typename A>
__global__ void __launch_bounds__(kThreads) column_sums_kernel(const T* matrix, int64_t rows, int columns, A* partial) {
  __shared__ SharedArray<A, kThreads> sums;
  const int lane = threadIdx.x % kColumnsOfSums, first = threadIdx.x / kColumnsOfSums;
  for (int start = 0; start < columns; start += kColumnsOfSums) {
    const int column = start + lane;
    A sum = 0;
    if (column < columns) {
      for (int64_t row = static_cast<int64_t>(blockIdx.x) * kRowsOfSums + first; row < rows;
           row += static_cast<int64_t>(gridDim.x) * kRowsOfSums) {
        sum += static_cast<A>(matrix[row * columns + column]);
      }
    }
    __syncthreads();
    sums[threadIdx.x] = sum;
    __syncthreads();
    if (first > 0 || column >= columns) continue;
    for (int other = 1; other < kRowsOfSums; ++other) sum += sums[other * kColumnsOfSums + lane];
    partial[static_cast<int64_t>(blockIdx.x) * columns + column] = sum;
  }
}

}  // namespace cuda
}  // namespace tfnxc

#endif  // TFNXC_CUDA_SUMS_CUH_
