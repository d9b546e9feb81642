// Normalized correlation (SPEC section 1), one pair and channel at a time, and its gradient.
#ifndef TFNXC_CPU_CORRELATION_H_
#define TFNXC_CPU_CORRELATION_H_

#include "cpu/patches.h"
#include "cpu/position_block.h"
#include "cpu/scratch_memory.h"
#include "cpu/simd.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cpu {
namespace {

// Compares positions with their search windows, and computes the adjoint.
//
// With whole-width windows, all positions of a row share one window: a run of rows * width patches. With relative
// columns the window moves with the position, and each of its rows is a run.
template <typename T>
struct Comparison {
  Comparison(const Problem& problem, const Patches<T>& patches_of_x, const Patches<T>& patches_of_y)
      : p(problem), x(patches_of_x), y(patches_of_y) {}

  // Scores of `count` positions from (row, column) on: scores[position * stride + window position]. `row` is the same
  // in x and y, because the rows of y begin a halo earlier.
  template <End kEnd = End::kStore>
  void scores(int64_t row, int64_t column, int64_t count, T* scores, int64_t stride) const {
    const Factor<T> of_x{x.by_pixel(row, column), 1, x.pixel_stride()};
    if (p.whole_width()) {
      product<T, true, kEnd>(count, p.window(), p.patch(), of_x, {y.by_pixel(row, 0), 0, y.pixel_stride()}, scores,
                             stride, false);
      return;
    }
    for (int64_t r = 0; r < p.rows; ++r) {
      product<T, false, kEnd>(count, p.columns, p.patch(), of_x, {y.by_pixel(row + r, column), 1, y.pixel_stride()},
                              scores + r * p.columns, stride, false);
    }
  }

  // Gradient of the normalized patches of x at those positions, laid out by patch, from the gradient of their scores.
  void to_x(int64_t row, int64_t column, int64_t count, const T* upstream, int64_t stride, T* gradient) const {
    if (p.whole_width()) {
      product<T, true>(count, y.stride(), p.window(), {upstream, stride, 1}, {y.by_patch(row, 0), 0, y.stride()},
                       gradient, y.stride(), false);
      return;
    }
    for (int64_t r = 0; r < p.rows; ++r) {
      product<T, false>(count, y.stride(), p.columns, {upstream + r * p.columns, stride, 1},
                        {y.by_patch(row + r, column), y.stride(), y.stride()}, gradient, y.stride(), r > 0);
    }
  }

  // Adds the gradient of the normalized patches of y, laid out by patch, from `columns` positions of each of `rows`
  // rows. If rows > 1, the rows must be whole, and `row_stride` must be columns * stride + width: then what a row of y
  // receives from several rows of x is evenly spaced, and is summed by one product.
  void to_y(int64_t row, int64_t rows, int64_t column, int64_t columns, const T* upstream, int64_t stride,
            int64_t row_stride, T* gradient) const {
    if (p.whole_width() && rows == 1) {
      product<T, true>(p.window(), y.stride(), columns, {upstream, 1, stride}, {x.by_patch(row, column), 0, x.stride()},
                       gradient + row * p.width * y.stride(), y.stride(), true);
      return;
    }
    if (p.whole_width()) {
      for (int64_t to = 0; to < rows + p.rows - 1; ++to) {
        const int64_t begin = to < p.rows ? 0 : to - p.rows + 1, end = least(rows, to + 1);
        product<T, true>(p.width, y.stride(), (end - begin) * columns,
                         {upstream + begin * row_stride + (to - begin) * p.width, 1, stride},
                         {x.by_patch(row + begin, 0), 0, x.stride()}, gradient + (row + to) * p.width * y.stride(),
                         y.stride(), true);
      }
      return;
    }
    for (int64_t i = 0; i < rows * columns; ++i) {
      const int64_t r = row + i / columns, c = column + i % columns;
      for (int64_t down = 0; down < p.rows; ++down) {
        const T* of_run = upstream + i / columns * row_stride + i % columns * stride + down * p.columns;
        product<T, true>(p.columns, y.stride(), 1, {of_run, 1, 0}, {x.by_patch(r, c), 0, 0},
                         gradient + ((r + down) * y.columns() + c) * y.stride(), y.stride(), true);
      }
    }
  }

  const Problem& p;
  const Patches<T>&x, &y;
};

// Elements per position for its scores. With relative columns, a product may overwrite a vector past the end of them.
template <typename T>
int64_t scores_stride(const Problem& p) {
  return padded<T>(p.window()) + (p.whole_width() ? 0 : kLanes<T>);
}

// Scores are collected for a block of rows and as many channels as fit in a cache, and then written in long runs: the
// 60 scores of a single channel begin and end within cache lines, and are pages apart.
template <typename T>
int64_t channels_together(const Problem& p) {
  constexpr int64_t kMost = (int64_t{1} << 20) / sizeof(T);
  const int64_t of_one = kBlockRows * p.width * p.window();
  return of_one >= kMost ? 1 : least(p.channels, kMost / of_one);
}

template <typename T>
struct ForwardScratch {
  ForwardScratch(const Problem& p, Arena<T>& arena)
      : x(p, Patches<T>::Of::kX, Patches<T>::kByPixel, false, kBlockRows, arena),
        y(p, Patches<T>::Of::kY, Patches<T>::kByPixel, false, kBlockRows + p.rows - 1, arena),
        stride(padded<T>(channels_together<T>(p) * p.window()) + kLanes<T>),
        scores(arena.take(kBlockRows * p.width * stride)) {}
  Patches<T> x, y;
  const int64_t stride;  // from one position to the next
  T* scores;
};

template <typename T>
void forward(const Problem& p, const Arrays<T>& arrays, int64_t begin, int64_t end) {
  Arena<T> arena(arrays.scratch);
  ForwardScratch<T> here(p, arena);
  const Comparison<T> comparison(p, here.x, here.y);
  const int64_t together = channels_together<T>(p);
  const bool large = p.batch * p.pixels() * p.maps() * int64_t(sizeof(T)) > int64_t{1} << 23;
  for (int64_t item = begin; item < end; ++item) {
    const RowBlock block(p, item, arrays.row_blocks);
    const int64_t image = block.tile, first = block.first, rows = block.count;
    const int64_t start = image * p.pixels() * p.channels;
    for (int64_t channel = 0; channel < p.channels; channel += together) {
      const int64_t channels = least(together, p.channels - channel);
      for (int64_t i = 0; i < channels; ++i) {
        here.x.read(arrays.x + start, channel + i, first, rows);
        here.y.read(arrays.y + start, channel + i, first, rows + p.rows - 1);
        for (int64_t row = 0; row < rows; ++row) {
          comparison.scores(row, 0, p.width, here.scores + row * p.width * here.stride + i * p.window(), here.stride);
        }
      }
      T* to = arrays.out + (image * p.height + first) * p.width * p.maps() + channel * p.window();
      for (int64_t position = 0; position < rows * p.width; ++position) {
        const T* from = here.scores + position * here.stride;
        if (large) {
          stream(to + position * p.maps(), from, channels * p.window());
        } else {
          __builtin_memcpy(to + position * p.maps(), from, channels * p.window() * sizeof(T));
        }
      }
    }
  }
  finish_streaming();
}

// The gradient of the pixels of a pair in one channel, from that of the scores.
template <typename T>
class GradientsOfPair {
 public:
  // `most`: the most positions per call of `add`.
  GradientsOfPair(const Problem& p, const Patches<T>& x, const Patches<T>& y, int64_t most, Arena<T>& arena)
      : p_(p),
        patches_of_y_((p.height + p.rows - 1) * y.columns()),
        of_x_(arena.take(padded<T>(most) * x.stride())),
        of_y_(arena.take(padded<T>(patches_of_y_) * y.stride())),
        fold_x_(p, x, 0, 0, arena),
        fold_y_(p, y, p.halo_rows(), p.halo_columns(), arena) {}

  void clear(int64_t stride) { cpu::clear(of_y_, patches_of_y_ * stride); }

  // Adds the gradient of the scores of some positions, laid out as for Comparison::to_y.
  void add(const Comparison<T>& comparison, int64_t row, int64_t rows, int64_t column, int64_t columns,
           const T* upstream, int64_t stride, int64_t row_stride) {
    for (int64_t i = 0; i < rows; ++i) {
      comparison.to_x(row + i, column, columns, upstream + i * row_stride, stride,
                      of_x_ + i * columns * comparison.x.stride());
    }
    comparison.x.through_normalization(of_x_, row * p_.width + column, rows * columns, fold_x_.patches());
    comparison.to_y(row, rows, column, columns, upstream, stride, row_stride, of_y_);
  }

  void write(const Comparison<T>& comparison, T* dx, T* dy, int64_t channel) {
    comparison.y.through_normalization(of_y_, 0, patches_of_y_, fold_y_.patches());
    fold_x_.write(dx, channel);
    fold_y_.write(dy, channel);
  }

 private:
  const Problem& p_;
  const int64_t patches_of_y_;
  T *of_x_, *of_y_;
  Fold<T> fold_x_, fold_y_;
};

template <typename T>
struct GradientScratch {
  GradientScratch(const Problem& p, Arena<T>& arena)
      : x(p, Patches<T>::Of::kX, Patches<T>::kBoth, true, p.height, arena),
        y(p, Patches<T>::Of::kY, Patches<T>::kBoth, true, p.height + p.rows - 1, arena),
        gradients(p, x, y, kTile, arena) {}
  Patches<T> x, y;
  GradientsOfPair<T> gradients;
};

// Prefetches the upstream gradient of the next row: its runs are too far apart for the hardware prefetcher.
template <typename T>
inline void prefetch(const T* from, int64_t runs, int64_t stride, int64_t length) {
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t run = 0; run < runs; ++run) {
    for (int64_t i = 0; i < length + kLine - 1; i += kLine) __builtin_prefetch(from + run * stride + i);
  }
}

template <typename T>
void gradient(const Problem& p, const Arrays<T>& arrays, int64_t begin, int64_t end) {
  Arena<T> arena(arrays.scratch);
  GradientScratch<T> here(p, arena);
  const Comparison<T> comparison(p, here.x, here.y);
  for (int64_t item = begin; item < end; ++item) {
    const int64_t image = item / p.channels, channel = item % p.channels;
    const int64_t start = image * p.pixels() * p.channels;
    here.x.read(arrays.x + start, channel, 0, p.height);
    here.y.read(arrays.y + start, channel, 0, p.height + p.rows - 1);
    here.gradients.clear(here.x.stride());
    for (int64_t row = 0; row < p.height; ++row) {
      for (int64_t column = 0; column < p.width; column += kTile) {
        const int64_t count = least(kTile, p.width - column), position = (image * p.height + row) * p.width + column;
        const T* from = arrays.upstream + position * p.maps() + channel * p.window();
        if (row + 1 < p.height) prefetch(from + p.width * p.maps(), count, p.maps(), p.window());
        here.gradients.add(comparison, row, 1, column, count, from, p.maps(), 0);
      }
    }
    here.gradients.write(comparison, arrays.dx + start, arrays.dy + start, channel);
  }
}

}  // namespace
}  // namespace cpu
}  // namespace tfnxc

#endif  // TFNXC_CPU_CORRELATION_H_
