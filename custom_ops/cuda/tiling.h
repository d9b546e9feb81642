// The sizes that kernels use, and how the work is divided into chunks and tiles.
#ifndef TFNXC_CUDA_TILING_H_
#define TFNXC_CUDA_TILING_H_

#include <algorithm>

#include "cuda/platform.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cuda {

// A Problem without its batch. find_error ensures that indices within one channel of one image fit in 32 bits.
struct Shape {
  explicit Shape(const Problem& p)
      : height(static_cast<int>(p.height)),
        width(static_cast<int>(p.width)),
        channels(static_cast<int>(p.channels)),
        patch_height(static_cast<int>(p.patch_height)),
        patch_width(static_cast<int>(p.patch_width)),
        rows(static_cast<int>(p.rows)),
        columns(static_cast<int>(p.window_columns())),
        filters(static_cast<int>(p.filters)),
        epsilon(p.epsilon),
        published(p.published) {}

  __host__ __device__ int pixels() const { return height * width; }
  __host__ __device__ int patch() const { return patch_height * patch_width; }
  __host__ __device__ int window() const { return rows * columns; }

  int height, width, channels, patch_height, patch_width;
  int rows, columns;  // of the search window
  int filters;
  double epsilon;
  bool published;
};

// What is processed at a time: some images with all their channels, or some channels of one image. A plane is one
// channel of one image. The planes of a chunk are numbered image by image.
struct Chunk {
  __host__ __device__ int64_t planes() const { return images * channels; }
  int64_t image, images;
  int channel, channels;
};

__host__ __device__ inline int64_t blocks_for(int64_t count, int64_t each) { return (count + each - 1) / each; }

// The largest part of at most `most` such that all parts of `total` are about the same.
inline int even_part(int64_t total, int64_t most) {
  return static_cast<int>(blocks_for(total, blocks_for(total, most)));
}

// The most that a block has in shared memory: together less than the 48 KB of every GPU.
constexpr int kPixelsAtOnce = 25;  // of a patch; no more than one part for 5x5
constexpr int kFiltersAtOnce = 32;
template <typename A>
struct Most {
  static constexpr int kOwn = sizeof(A) == 4 ? 64 : 32;     // patches that results are computed for
  static constexpr int kOther = sizeof(A) == 4 ? 144 : 96;  // patches that those are compared with
  static constexpr int kWindow = sizeof(A) == 4 ? 64 : 32;  // window positions
  // Four entries of a row are read at once, so rows begin at multiples of 4.
  static constexpr int kOwnStride = kOwn + 4;
  static constexpr int kOtherStride = kOther + 4;
  static constexpr int kWindowStride = kWindow + 4;
};

// How many lanes of a warp meet in one bank of shared memory where each accesses the start of another row. A warp takes
// numbers of 8 bytes in two halves.
template <typename A>
constexpr int lanes_of_a_bank(int stride) {
  constexpr int kLanes = 128 / sizeof(A);
  int most = 0;
  for (int bank = 0; bank < kLanes; ++bank) {
    int lanes = 0;
    for (int lane = 0; lane < kLanes; ++lane) lanes += lane * stride % kLanes == bank;
    most = lanes > most ? lanes : most;
  }
  return most;
}
// The fewest that multiples of 4 allow.
template <typename A>
constexpr bool kBanksDiffer = lanes_of_a_bank<A>(Most<A>::kOwnStride) == 4 &&
                              lanes_of_a_bank<A>(Most<A>::kOtherStride) == 4 &&
                              lanes_of_a_bank<A>(Most<A>::kWindowStride) == 4;
static_assert(kBanksDiffer<float> && kBanksDiffer<double>, "rows of shared memory begin in too few banks");

// A part of all search windows, relative to the window's first row and column.
struct WindowPart {
  __host__ __device__ int size() const { return rows * columns; }
  // The index of the part's position w in a window with `window_columns` columns.
  __host__ __device__ int position(int w, int window_columns) const {
    if (columns == window_columns) return row * columns + w;
    return (row + w / columns) * window_columns + column + w % columns;
  }
  int row, column, rows, columns;
};

// A rectangle of a grid of patches. It may exceed the grid.
struct Rectangle {
  __host__ __device__ int size() const { return rows * columns; }
  int row, column, rows, columns;
};

// How a grid of patches and the search window are divided among blocks. A group is four neighbors of a row, which one
// thread computes.
struct Tiling {
  int rows, columns;  // of a tile; columns are a multiple of 4
  int row_tiles, column_tiles;
  int window_rows, window_columns;  // of a part of the window
  int row_parts, column_parts;

  __host__ __device__ int tiles() const { return row_tiles * column_tiles; }
  __host__ __device__ int parts() const { return row_parts * column_parts; }
  __host__ __device__ int groups() const { return rows * columns / 4; }
  // Threads that share a group. Each takes 4 positions of a part of the window.
  __host__ __device__ int window_lanes() const { return (window_rows * window_columns + 3) / 4; }

  __host__ __device__ Rectangle tile(int index) const {
    return {index / column_tiles * rows, index % column_tiles * columns, rows, columns};
  }
  __host__ __device__ WindowPart part(const Shape& shape, int index) const {
    const int row = index / column_parts * window_rows, column = index % column_parts * window_columns;
    const int rows_left = shape.rows - row, columns_left = shape.columns - column;
    return {row, column, rows_left < window_rows ? rows_left : window_rows,
            columns_left < window_columns ? columns_left : window_columns};
  }
};

// The largest tiles and parts that fit. If they do not fit together, the larger one shrinks.
template <typename A>
Tiling make_tiling(const Problem& p, int64_t grid_rows, int64_t grid_columns) {
  Tiling t;
  const int columns = even_part(grid_columns, Most<A>::kOwn / 2);
  t.columns = (columns + 3) / 4 * 4;
  t.rows = static_cast<int>(std::min<int64_t>(grid_rows, Most<A>::kOwn / t.columns));
  t.window_columns = even_part(p.window_columns(), Most<A>::kWindow);
  t.window_rows = static_cast<int>(std::min<int64_t>(p.rows, Most<A>::kWindow / t.window_columns));
  const int other_columns = p.whole_width() ? t.window_columns : t.columns + t.window_columns - 1;
  while ((t.rows + t.window_rows - 1) * other_columns > Most<A>::kOther) {
    --(t.rows >= t.window_rows ? t.rows : t.window_rows);
  }
  t.rows = even_part(grid_rows, t.rows);
  t.row_tiles = static_cast<int>(blocks_for(grid_rows, t.rows));
  t.column_tiles = static_cast<int>(blocks_for(grid_columns, t.columns));
  t.row_parts = static_cast<int>(blocks_for(p.rows, t.window_rows));
  t.column_parts = static_cast<int>(blocks_for(p.window_columns(), t.window_columns));
  return t;
}

// Threads of a block in which `lanes` threads share each group, in whole warps.
inline int threads_for(int groups, int lanes) { return (groups * lanes + 31) / 32 * 32; }

}  // namespace cuda
}  // namespace tfnxc

#endif  // TFNXC_CUDA_TILING_H_
