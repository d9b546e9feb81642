// From the gradient of the scores to that of the pixels of x and y (SPEC section 1).
//
// With A_i = sum over the window of G * Y^_i, where Y^ is the other patch, normalized, no stored scores are needed,
// because sum(G * ncc) = sum_j X^_j A_j:
//
//   dX_i = 1 / (sqrt(N - 1) S) * [ A_i - X^_i * S / s * sum_j X^_j A_j ],      second term = 0 where s = 0
//
// gather_kernel computes A, slope_kernel the factor of X^_i, and fold_kernel the sum over all patches that
// contain a pixel. No two threads write the same element, and sums have a fixed order: results are deterministic.
#ifndef TFNXC_CUDA_GRADIENT_CUH_
#define TFNXC_CUDA_GRADIENT_CUH_

#include "cuda/products.cuh"

namespace tfnxc {
namespace cuda {

// The gradient of the scores of some rows of positions of every plane of a chunk.
template <typename G>
struct Upstream {
  const G* scores;
  int64_t image_stride, channel_stride, position_stride;
  int row, rows;
};

// Threads that share a group if each computes 2 pixels of patches.
__host__ __device__ inline int pixel_lanes(const Shape& shape) {
  return ((shape.patch() < kPixelsAtOnce ? shape.patch() : kPixelsAtOnce) + 1) / 2;
}
__host__ __device__ inline int pixel_tiles(const Shape& shape) {
  return static_cast<int>(blocks_for(shape.patch(), kPixelsAtOnce));
}

// gradient[plane][pixel of the patch][patch]: A above, for the patches `own`, of x (kToX) or of y, in the rows
// [begin, end) of their grid; `other` are those of the other map. A block has one tile of one plane and some pixels.
template <bool kWholeWidth, bool kToX, typename G, typename A>
__global__ void __launch_bounds__(kThreads, blocks_at_once<A>(4))
    gather_kernel(Shape shape, int channels, Tiling tiling, Patches<A> own, Patches<A> other, Upstream<G> upstream,
                  int begin, int end, bool accumulate, A* gradient) {
  constexpr int kPixels = kPixelsAtOnce, kStride = Most<A>::kOwnStride;
  alignas(16) __shared__ SharedArray<A, Most<A>::kOther * kPixels> others;    // [patch][pixel]
  alignas(16) __shared__ SharedArray<A, Most<A>::kWindow * kStride> factors;  // [window position][own patch]: G
  BlockIndex block;
  const int channel = block.take(channels);
  const int first_pixel = block.take(pixel_tiles(shape)) * kPixels;
  Rectangle tile = tiling.tile(block.take(tiling.tiles()));
  tile.row += begin;
  const int64_t image = block.rest(), plane = image * channels + channel;
  const int pixels = min(kPixels, shape.patch() - first_pixel);
  const Place place(tiling, pixel_lanes(shape)), loaded(tiling, tiling.window_lanes());
  const G* scores = upstream.scores + image * upstream.image_stride + channel * upstream.channel_stride;
  const int other_begin = kToX ? 0 : upstream.row, other_end = kToX ? other.rows : upstream.row + upstream.rows;

  A sums[4][2] = {};
  for (int index = 0; index < tiling.parts(); ++index) {
    const WindowPart part = tiling.part(shape, index);
    // A patch of x is compared with patches of y further down and right, and a patch of y with those of x up and left.
    const int last_row = part.row + part.rows - 1, last_column = part.column + part.columns - 1;
    const Rectangle area{tile.row + (kToX ? part.row : -last_row),
                         kWholeWidth ? part.column : tile.column + (kToX ? part.column : -last_column),
                         tile.rows + part.rows - 1, part.columns + (kWholeWidth ? 0 : tile.columns - 1)};
    __syncthreads();
    stage<1, kPixels>(other, plane, area, other_begin, other_end, first_pixel, pixels, threadIdx.x, others);
    for (int w = loaded.lane; w < part.size() && !loaded.idle; w += loaded.lanes) {
      const int row = part.row + w / part.columns, column = part.column + w % part.columns;
      const int own_row = tile.row + loaded.row, i = own_row - (kToX ? 0 : row);
      const bool row_exists = own_row < end && upstream.row <= i && i < upstream.row + upstream.rows;
      const int64_t first_of_row = static_cast<int64_t>(i - upstream.row) * shape.width;
      A values[4];
#pragma unroll
      for (int m = 0; m < 4; ++m) {
        const int own_column = tile.column + loaded.column + m;
        const int j = kToX ? own_column : kWholeWidth ? column : own_column - column;
        const int map = row * shape.columns + (kWholeWidth && !kToX ? own_column : column);
        const bool exists = row_exists && own_column < own.columns && 0 <= j && j < shape.width;
        values[m] = exists ? static_cast<A>(scores[(first_of_row + j) * upstream.position_stride + map]) : A(0);
      }
#pragma unroll
      for (int m = 0; m < 4; ++m) factors[w * kStride + 4 * loaded.group + m] = values[m];
    }
    __syncthreads();
    if (place.idle) continue;
    for (int row = 0; row < part.rows; ++row) {
      const int other_row = place.row + (kToX ? row : part.rows - 1 - row);
      const int other_column = kWholeWidth ? 0 : place.column + (kToX ? 0 : part.columns - 1);
      int met[2];
#pragma unroll
      for (int n = 0; n < 2; ++n) {
        const int pixel = place.lane + place.lanes * n;
        met[n] = (other_row * area.columns + other_column) * kPixels + (pixel < pixels ? pixel : 0);
      }
      add_products<kStride, kWholeWidth || kToX ? kPixels : -kPixels, kWholeWidth ? 0 : kPixels>(
          factors, row * part.columns * kStride + 4 * place.group, others, met, part.columns, sums);
    }
  }
  const int row = tile.row + place.row;
  if (place.idle || row >= end) return;
#pragma unroll
  for (int n = 0; n < 2; ++n) {
    const int pixel = place.lane + place.lanes * n;
    if (pixel >= pixels) continue;
    A* to = gradient + (plane * shape.patch() + first_pixel + pixel) * own.count() + row * own.columns;
#pragma unroll
    for (int m = 0; m < 4; ++m) {
      const int column = tile.column + place.column + m;
      if (column < own.columns) to[column] = accumulate ? to[column] + sums[m][n] : sums[m][n];
    }
  }
}

// slope[plane][patch], such that dX_i = (A_i - slope * X^_i) / (sqrt(N - 1) S).
template <typename A>
__global__ void __launch_bounds__(kThreads)
    slope_kernel(Patches<A> patches, bool published, const A* gradient, A* slope) {
  const Element at(patches.count());
  if (at.index >= patches.count()) return;
  const int index = static_cast<int>(at.index), pixel_columns = patches.pixel_columns();
  const int n = patches.patch_height * patches.patch_width;
  const int row = index / patches.columns, column = index % patches.columns;
  const int64_t patch = at.plane * patches.count() + index;
  const A* of_plane = patches.pixels_of(at.plane);
  const A* pixel = of_plane + row * pixel_columns + column;
  const A* A_i = gradient + at.plane * n * patches.count() + index;
  const A s = patches.deviation[patch], scale = patches.scale(s), centre = patches.centre(of_plane, row, column);
  const A offset = -patches.mean[patch] * scale;
  A products = 0;
  for (int down = 0; down < patches.patch_height; ++down) {
    for (int right = 0; right < patches.patch_width; ++right, A_i += patches.count()) {
      products += ((pixel[down * pixel_columns + right] - centre) * scale + offset) * *A_i;
    }
  }
  // A ratio beyond all numbers meets an X^ of 0.
  const A most = sizeof(A) == 4 ? A(__FLT_MAX__) : A(__DBL_MAX__), ratio = patches.with_epsilon(s) / s;
  slope[patch] = s == 0 ? A(0) : published ? products : products * (ratio > most ? most : ratio);
}

template <typename T, typename A>
__global__ void __launch_bounds__(kThreads)
    fold_kernel(Shape shape, Chunk chunk, Patches<A> patches, const A* gradient, const A* slope, T* maps) {
  const Element at(shape.pixels());
  if (at.index >= shape.pixels()) return;
  const int index = static_cast<int>(at.index);
  const int i = index / shape.width, j = index % shape.width;
  // The pixel in the padded plane. The patch (row, column) of the grid begins at pixel (row, column) there.
  const int padded_row = i + patches.halo_rows + patches.patch_height / 2;
  const int padded_column = j + patches.halo_columns + patches.patch_width / 2;
  const A* pixels = patches.pixels_of(at.plane);
  const A pixel = pixels[padded_row * patches.pixel_columns() + padded_column];
  const A* of_plane = gradient + at.plane * shape.patch() * patches.count();
  A sum = 0;
  for (int down = 0; down < shape.patch_height; ++down) {
    const int row = padded_row - down;
    if (row < 0 || row >= patches.rows) continue;
    for (int right = 0; right < shape.patch_width; ++right) {
      const int column = padded_column - right;
      if (column < 0 || column >= patches.columns) continue;
      const int patch_in_plane = row * patches.columns + column;
      const int64_t patch = at.plane * patches.count() + patch_in_plane;
      const A A_i = of_plane[(down * shape.patch_width + right) * patches.count() + patch_in_plane];
      const A scale = patches.scale(patches.deviation[patch]);
      const A normalized = (pixel - patches.centre(pixels, row, column)) * scale - patches.mean[patch] * scale;
      sum += (A_i - slope[patch] * normalized) * scale;
    }
  }
  const int64_t image = chunk.image + at.plane / chunk.channels;
  const int64_t channel = chunk.channel + at.plane % chunk.channels;
  maps[(image * shape.pixels() + index) * shape.channels + channel] = static_cast<T>(sum * A(kMapScale));
}

}  // namespace cuda
}  // namespace tfnxc

#endif  // TFNXC_CUDA_GRADIENT_CUH_
