// The summary of the cross-input neighborhood differences (SPEC section 2), a ReLU and a 1x1 convolution, and its
// gradient.
//
// A difference is cheap compared with the products that use it. So every pass computes the differences again, for one
// channel and one block of positions. They stay in the nearest cache, laid out [window position][position].
#ifndef TFNXC_CPU_CROSS_INPUT_SUMMARY_H_
#define TFNXC_CPU_CROSS_INPUT_SUMMARY_H_

#include "cpu/padded_channel.h"
#include "cpu/position_block.h"
#include "cpu/scratch_memory.h"
#include "cpu/simd.h"
#include "cpu/summary_convolution.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cpu {
namespace {

// One channel of some rows of x, and of the rows of y that their windows see.
template <typename T>
class CrossInput {
 public:
  CrossInput(const Problem& p, int64_t most_rows, Arena<T>& arena)
      : block(p, padded<T>(p.window())),
        stride(padded<T>(block.count()) + kLanes<T>),  // vectors reach past the last position
        p_(p),
        width_of_y_(p.width + 2 * p.halo_columns()),
        x_(arena.take(most_rows * p.width)),
        y_(arena.take((most_rows + p.rows - 1) * width_of_y_)) {}

  // Room for the differences of a block.
  T* take_block(Arena<T>& arena) const {
    T* array = arena.take(p_.window() * stride);
    // Elements past the last position are used in computations whose results are discarded. Denormals would be slow.
    if (array != nullptr) clear(array, p_.window() * stride);
    return array;
  }
  // Room for the gradient of y, with the borders that the windows see.
  T* take_y(Arena<T>& arena) const { return arena.take((p_.height + p_.rows - 1) * width_of_y_); }
  void clear_y(T* dy) const { clear(dy, (p_.height + p_.rows - 1) * width_of_y_); }

  // Reads `rows` rows from `first` on.
  void read(const T* x, const T* y, int64_t channel, int64_t first, int64_t rows) {
    read_padded_channel(p_, x, channel, first, rows, 0, p_.width, x_);
    read_padded_channel(p_, y, channel, first - p_.halo_rows(), rows + p_.rows - 1, p_.halo_columns(), width_of_y_, y_);
  }

  // ReLU of the differences of `rows` x `columns` positions from (row, column) on. `row` counts from the first row
  // read. Vectors reach into the next row, which is written later.
  void relu(int64_t row, int64_t rows, int64_t column, int64_t columns, T* to) const {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; j += kLanes<T>) {
        const Vector<T> x = load(x_ + (row + i) * p_.width + column + j);
        T* at = to + i * columns + j;
        for (int64_t r = 0; r < p_.rows; ++r) {
          const T* y = y_ + (row + i + r) * width_of_y_;
          for (int64_t k = 0; k < p_.window_columns(); ++k, at += stride) {
            store(at, cpu::relu<T>(x - (p_.whole_width() ? all(y[k]) : load(y + column + j + k))));
          }
        }
      }
    }
  }

  // Writes the gradient of x, and subtracts from that of y, given that of the differences.
  void adjoint(int64_t row, int64_t rows, int64_t column, int64_t columns, const T* upstream, T* dx, T* dy,
               int64_t channel) const {
    const int64_t first = row * p_.width + column, count = rows * columns;
    for (int64_t i = 0; i < count; i += kLanes<T>) {
      Vector<T> total{};
      for (int64_t o = 0; o < p_.window(); ++o) total += load(upstream + o * stride + i);
      for (int64_t lane = 0; lane < least(kLanes<T>, count - i); ++lane) {
        dx[(first + i + lane) * p_.channels + channel] = total[lane];
      }
    }
    // A row of y is in the windows of up to p.rows rows of x. The columns of the window are the outer loop, so that no
    // vector is loaded right after an overlapping one was stored.
    for (int64_t k = 0; k < p_.window_columns(); ++k) {
      for (int64_t i = 0; i < rows + p_.rows - 1; ++i) {
        const int64_t begin = i < rows ? 0 : i - rows + 1, end = least(p_.rows, i + 1);
        T* of_row = dy + (row + i) * width_of_y_;
        for (int64_t j = 0; j < columns; j += kLanes<T>) {
          Vector<T> total{};
          for (int64_t r = begin; r < end; ++r) {
            total += load(upstream + (r * p_.window_columns() + k) * stride + (i - r) * columns + j);
          }
          total = with_lanes<T>(Vector<T>{}, total, 0, columns - j);
          if (p_.whole_width()) {
            for (int64_t lane = 0; lane < kLanes<T>; ++lane) of_row[k] -= total[lane];
          } else {
            T* to = of_row + column + j + k;
            store(to, load(to) - total);
          }
        }
      }
    }
  }

  // Writes the gradient of y.
  void write_y(const T* from, T* dy, int64_t channel) const {
    from += p_.halo_rows() * width_of_y_ + p_.halo_columns();
    for (int64_t row = 0; row < p_.height; ++row) {
      for (int64_t column = 0; column < p_.width; ++column) {
        dy[(row * p_.width + column) * p_.channels + channel] = from[row * width_of_y_ + column];
      }
    }
  }

  const PositionBlock<T> block;
  const int64_t stride;  // from one window position to the next

 private:
  const Problem& p_;
  const int64_t width_of_y_;
  T *x_, *y_;
};

template <typename T>
struct CrossInputScratch {
  CrossInputScratch(const Problem& p, Arena<T>& arena)
      : maps(p, kBlockRows, arena),
        differences(maps.take_block(arena)),
        sums(arena.take(kBlockRows * p.width * padded<T>(p.filters))) {}
  CrossInput<T> maps;
  T *differences, *sums;
};

template <typename T>
void cross_input(const Problem& p, const Arrays<T>& arrays, int64_t begin, int64_t end) {
  Arena<T> arena(arrays.scratch);
  CrossInputScratch<T> here(p, arena);
  const Packed<T> layout(p);
  const PositionBlock<T>& block = here.maps.block;
  const int64_t filters = layout.filters;
  for (int64_t item = begin; item < end; ++item) {
    const RowBlock rows_of_item(p, item, arrays.row_blocks);
    const int64_t image = rows_of_item.tile, first = rows_of_item.first, all_rows = rows_of_item.count;
    const int64_t start = image * p.pixels() * p.channels;
    for (int64_t channel = 0; channel < p.channels; ++channel) {
      here.maps.read(arrays.x + start, arrays.y + start, channel, first, all_rows);
      for (int64_t row = 0; row < all_rows; row += block.rows) {
        const int64_t rows = least(block.rows, all_rows - row);
        for (int64_t column = 0; column < p.width; column += block.columns) {
          const int64_t columns = least(block.columns, p.width - column);
          here.maps.relu(row, rows, column, columns, here.differences);
          product<T, true>(rows * columns, filters, p.window(), {here.differences, 1, here.maps.stride},
                           {layout.channel_by_position(arrays.packed, channel), 0, filters},
                           here.sums + (row * p.width + column) * filters, filters, channel > 0);
        }
      }
    }
    T* to = arrays.out + (image * p.height + first) * p.width * p.filters;
    write_sums(p, here.sums, all_rows * p.width, arrays.bias, to);
  }
}

// The upstream gradient of an image in two layouts, padded for whole vectors: [position][filter] for products that sum
// over positions, and [filter][position] for products that sum over filters.
template <typename T>
class Upstream {
 public:
  Upstream(const Problem& p, Arena<T>& arena)
      : p_(p),
        filters_(padded<T>(p.filters)),
        stride_(padded<T>(p.pixels()) + kLanes<T>),
        by_position_(arena.take(p.pixels() * filters_)),
        by_filter_(arena.take(p.filters * stride_)) {
    if (by_filter_ != nullptr) clear(by_filter_, p.filters * stride_);
  }
  void read(const T* image) {
    for (int64_t pixel = 0; pixel < p_.pixels(); ++pixel) {
      clear(by_position_ + pixel * filters_, filters_);
      for (int64_t filter = 0; filter < p_.filters; ++filter) {
        const T value = image[pixel * p_.filters + filter];
        by_position_[pixel * filters_ + filter] = value;
        by_filter_[filter * stride_ + pixel] = value;
      }
    }
  }
  Factor<T> by_position(int64_t pixel) const { return {by_position_ + pixel * filters_, 0, filters_}; }
  Factor<T> by_filter(int64_t pixel) const { return {by_filter_ + pixel, 0, stride_}; }

 private:
  const Problem& p_;
  const int64_t filters_, stride_;
  T *by_position_, *by_filter_;
};

template <typename T>
struct CrossInputGradientScratch {
  CrossInputGradientScratch(const Problem& p, Arena<T>& arena)
      : maps(p, p.height, arena), differences(maps.take_block(arena)), dy(maps.take_y(arena)), upstream(p, arena) {}
  CrossInput<T> maps;
  T *differences, *dy;
  Upstream<T> upstream;
};

template <typename T>
void cross_input_gradient(const Problem& p, const Arrays<T>& arrays, int64_t begin, int64_t end) {
  Arena<T> arena(arrays.scratch);
  CrossInputGradientScratch<T> here(p, arena);
  const PositionBlock<T>& block = here.maps.block;
  const int64_t filters = padded<T>(p.filters), window = p.window(), stride = here.maps.stride;
  for (int64_t item = begin; item < end; ++item) {
    const int64_t image = item / p.channels, channel = item % p.channels, start = image * p.pixels() * p.channels;
    if (item == begin || channel == 0) here.upstream.read(arrays.upstream + image * p.pixels() * p.filters);
    const T* kernel = arrays.kernel + channel * window * p.filters;
    here.maps.read(arrays.x + start, arrays.y + start, channel, 0, p.height);
    here.maps.clear_y(here.dy);
    for (int64_t row = 0; row < p.height; row += block.rows) {
      const int64_t rows = least(block.rows, p.height - row);
      for (int64_t column = 0; column < p.width; column += block.columns) {
        const int64_t columns = least(block.columns, p.width - column), count = rows * columns;
        const int64_t pixel = row * p.width + column;
        here.maps.relu(row, rows, column, columns, here.differences);
        product<T, true>(window, filters, count, {here.differences, stride, 1}, here.upstream.by_position(pixel),
                         arrays.partial + channel * window * filters, filters, true);
        // In place: a difference is read for the last time just before it is overwritten.
        product<T, true, End::kGate>(window, count, p.filters, {kernel, p.filters, 1}, here.upstream.by_filter(pixel),
                                     here.differences, stride, false, here.differences);
        here.maps.adjoint(row, rows, column, columns, here.differences, arrays.dx + start, here.dy, channel);
      }
    }
    here.maps.write_y(here.dy, arrays.dy + start, channel);
  }
}

}  // namespace
}  // namespace cpu
}  // namespace tfnxc

#endif  // TFNXC_CPU_CROSS_INPUT_SUMMARY_H_
