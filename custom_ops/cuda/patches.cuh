// Patches of planes: zero-padded pixels, the mean and deviation of every patch, and loading into shared memory.
#ifndef TFNXC_CUDA_PATCHES_CUH_
#define TFNXC_CUDA_PATCHES_CUH_

#include "cuda/tiling.h"

namespace tfnxc {
namespace cuda {

// The patches of all planes of a chunk. Those of y also have centres in the halo that search windows reach. Patch (0,
// 0) of the grid begins at pixel (0, 0) of the padded plane.
template <typename A>
struct Patches {
  __host__ __device__ int count() const { return rows * columns; }
  __host__ __device__ int pixel_columns() const { return columns + patch_width - 1; }
  __host__ __device__ int pixel_count() const { return (rows + patch_height - 1) * pixel_columns(); }
  __host__ __device__ const A* pixels_of(int64_t plane) const { return pixels + plane * pixel_count(); }

  int rows, columns;            // of the grid
  int halo_rows, halo_columns;  // of the grid outside the map, on each side
  // The centre of the patch at (row, column) of the grid of a plane. Statistics are those of the differences from it:
  // exact where pixels are nearly alike, and 0 where they are alike, however large they are.
  __device__ A centre(const A* of_plane, int row, int column) const {
    return of_plane[(row + patch_height / 2) * pixel_columns() + column + patch_width / 2];
  }
  // S of a deviation s. Beside a large s epsilon is lost, and the rounding of N products must not take the correlation
  // beyond 1.
  __device__ A with_epsilon(A s) const {
    const A precision = sizeof(A) == 4 ? A(__FLT_EPSILON__) : A(__DBL_EPSILON__);
    const A least = s * (1 + (2 + A(patch_height * patch_width) / 4) * precision);
    return s + epsilon < least ? least : s + epsilon;
  }
  // What normalizes a difference. Normalized patches are divided by sqrt(N - 1) too, so that their products are the
  // scores.
  __device__ A scale(A s) const { return 1 / (sqrt(A(patch_height * patch_width - 1)) * with_epsilon(s)); }

  int patch_height, patch_width;
  A epsilon;     // times kMapScale, as are the pixels
  A* pixels;     // [plane][pixel_count()]
  A* mean;       // [plane][count()]: of the differences from the centre
  A* deviation;  // s, likewise
};

// The index of a block in a grid of several dimensions, the fastest first.
class BlockIndex {
 public:
  __device__ BlockIndex() : rest_(blockIdx.x) {}
  __device__ int take(int count) {
    const unsigned index = rest_ % count;
    rest_ /= count;
    return static_cast<int>(index);
  }
  __device__ int64_t rest() const { return rest_; }

 private:
  unsigned rest_;
};

// The element of this thread. Every plane has as many blocks as its `count` elements need.
struct Element {
  __device__ explicit Element(int count)
      : plane(blockIdx.x / blocks_of_plane(count)),
        index(static_cast<int64_t>(blockIdx.x % blocks_of_plane(count)) * kThreads + threadIdx.x) {}

  __host__ __device__ static unsigned blocks_of_plane(int count) { return (count - 1u) / kThreads + 1; }
  static int64_t blocks(int64_t planes, int count) { return planes * blocks_of_plane(count); }

  int64_t plane, index;
};

// Extracts the planes from (batch, height, width, channels), zero-padded, times kMapScale.
template <typename T, typename A>
__global__ void __launch_bounds__(kThreads) pad_kernel(Shape shape, Chunk chunk, Patches<A> patches, const T* maps) {
  const Element at(patches.pixel_count());
  if (at.index >= patches.pixel_count()) return;
  const int index = static_cast<int>(at.index), columns = patches.pixel_columns();
  const int row = index / columns - patches.halo_rows - patches.patch_height / 2;
  const int column = index % columns - patches.halo_columns - patches.patch_width / 2;
  const bool inside = 0 <= row && row < shape.height && 0 <= column && column < shape.width;
  const int64_t image = chunk.image + at.plane / chunk.channels;
  const int64_t channel = chunk.channel + at.plane % chunk.channels;
  const int64_t pixel = (image * shape.height + row) * shape.width + column;
  patches.pixels[at.plane * patches.pixel_count() + index] =
      inside ? static_cast<A>(maps[pixel * shape.channels + channel]) * A(kMapScale) : A(0);
}

// Two passes: sums of squares that are not centred would cancel for nearly flat patches. The squares are those of
// differences relative to the largest, which neither overflow nor vanish.
template <typename A>
__global__ void __launch_bounds__(kThreads) describe_kernel(Patches<A> patches) {
  const Element at(patches.count());
  if (at.index >= patches.count()) return;
  const int index = static_cast<int>(at.index), pixel_columns = patches.pixel_columns();
  const int row = index / patches.columns, column = index % patches.columns;
  const A* of_plane = patches.pixels_of(at.plane);
  const A* corner = of_plane + row * pixel_columns + column;
  const A centre = patches.centre(of_plane, row, column);
  const int n = patches.patch_height * patches.patch_width;
  A sum = 0, largest = 0, squares = 0;
  for (int down = 0; down < patches.patch_height; ++down) {
    for (int right = 0; right < patches.patch_width; ++right) {
      const A difference = corner[down * pixel_columns + right] - centre;
      sum += difference;
      largest = fmax(largest, fabs(difference));
    }
  }
  const A least = sizeof(A) == 4 ? A(__FLT_MIN__) : A(__DBL_MIN__);
  const A mean = sum / A(n), unit = largest > least ? 1 / largest : A(1);
  for (int down = 0; down < patches.patch_height; ++down) {
    for (int right = 0; right < patches.patch_width; ++right) {
      const A deviation = (corner[down * pixel_columns + right] - centre - mean) * unit;
      squares += deviation * deviation;
    }
  }
  patches.mean[at.plane * patches.count() + index] = mean;
  patches.deviation[at.plane * patches.count() + index] = sqrt(squares / A(n - 1)) / unit;
}

// Writes the normalized pixels [first, first + count) of the patches of a rectangle to
// to[pixel * kPixelStride + patch * kPatchStride], and zeros for patches outside the rows [begin, end) of the grid.
// `thread` selects the patches of this thread.
template <int kPixelStride, int kPatchStride, typename A, typename Array>
__device__ void stage(const Patches<A>& patches, int64_t plane, Rectangle area, int begin, int end, int first,
                      int count, int thread, Array& to) {
  const int first_row = first / patches.patch_width, first_column = first % patches.patch_width;
  for (int at = thread; at < area.size(); at += blockDim.x) {
    const int row = area.row + at / area.columns, column = area.column + at % area.columns;
    if (row < begin || row >= end || column < 0 || column >= patches.columns) {
      for (int k = 0; k < count; ++k) to[k * kPixelStride + at * kPatchStride] = 0;
      continue;
    }
    const int64_t patch = plane * patches.count() + row * patches.columns + column;
    const A* of_plane = patches.pixels_of(plane);
    const A centre = patches.centre(of_plane, row, column), scale = patches.scale(patches.deviation[patch]);
    const A offset = -patches.mean[patch] * scale;
    const A* pixel = of_plane + (row + first_row) * patches.pixel_columns() + column;
    int begin_in_row = first_column;
    for (int k = 0; k < count; pixel += patches.pixel_columns()) {
      const int run = min(patches.patch_width - begin_in_row, count - k);
#pragma unroll 5
      for (int i = 0; i < run; ++i) {
        to[(k + i) * kPixelStride + at * kPatchStride] = (pixel[begin_in_row + i] - centre) * scale + offset;
      }
      k += run;
      begin_in_row = 0;
    }
  }
}

}  // namespace cuda
}  // namespace tfnxc

#endif  // TFNXC_CUDA_PATCHES_CUH_
