// The summary of the normalized correlation, a ReLU and a 1x1 convolution, and its gradient. The maps are never stored.
#ifndef TFNXC_CPU_CORRELATION_SUMMARY_H_
#define TFNXC_CPU_CORRELATION_SUMMARY_H_

#include "cpu/correlation.h"
#include "cpu/patches.h"
#include "cpu/position_block.h"
#include "cpu/scratch_memory.h"
#include "cpu/simd.h"
#include "cpu/summary_convolution.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cpu {
namespace {

// The most pairs of a tile. For the gradient, few enough that the gradients of all pairs stay in a cache.
constexpr int64_t kMostPairs = 32, kMostGradientPairs = 9;

// How many images of y have their patches in memory at a time, to serve all the pairs of a tile with that image.
constexpr int64_t kSlots = 8;

template <typename T>
struct PatchSlots {
  // `rows` of x, and what their windows see of y.
  PatchSlots(const Problem& p, typename Patches<T>::Layout layout, bool backward, int64_t rows, Arena<T>& arena)
      : x(p, Patches<T>::Of::kX, layout, backward, rows, arena),
        y{of_y(p, layout, backward, rows, arena), of_y(p, layout, backward, rows, arena),
          of_y(p, layout, backward, rows, arena), of_y(p, layout, backward, rows, arena),
          of_y(p, layout, backward, rows, arena), of_y(p, layout, backward, rows, arena),
          of_y(p, layout, backward, rows, arena), of_y(p, layout, backward, rows, arena)} {}
  static Patches<T> of_y(const Problem& p, typename Patches<T>::Layout layout, bool backward, int64_t rows,
                         Arena<T>& arena) {
    return Patches<T>(p, Patches<T>::Of::kY, layout, backward, rows + p.rows - 1, arena);
  }
  Patches<T> x, y[kSlots];
};

// Sets the slot of y for each of `count` pairs: the one that already has the image, or else the least recently used
// one. If no image comes again in time, all pairs use the first slot, which then stays in the nearest cache.
inline void choose_slots(const int64_t* y_of, int64_t count, int64_t* slots) {
  int64_t image_in[kSlots], last_use[kSlots];
  for (int64_t slot = 0; slot < kSlots; ++slot) image_in[slot] = last_use[slot] = -1;
  bool again = false;
  for (int64_t pair = 0; pair < count; ++pair) {
    int64_t chosen = 0;
    for (int64_t slot = 0; slot < kSlots; ++slot) {
      if (last_use[slot] < last_use[chosen]) chosen = slot;
    }
    for (int64_t slot = 0; slot < kSlots; ++slot) {
      if (image_in[slot] == y_of[pair]) chosen = slot;
    }
    again |= image_in[chosen] == y_of[pair];
    image_in[chosen] = y_of[pair];
    last_use[chosen] = pair;
    slots[pair] = chosen;
  }
  for (int64_t pair = 0; pair < count && !again; ++pair) slots[pair] = 0;
}

// Reads the patches of the pairs of a tile. Images that are already in a slot are not read again.
template <typename T>
class PatchReader {
 public:
  PatchReader(const Problem& p, const Arrays<T>& arrays, int64_t start, int64_t pairs, PatchSlots<T>& slots)
      : p_(p),
        x_(arrays.x),
        y_(arrays.y),
        x_of_(arrays.duplicates.x_of + start),
        y_of_(arrays.duplicates.y_of + start),
        patches_(slots) {
    choose_slots(y_of_, pairs, slots_);
  }
  // To be called before reading another channel or other rows.
  void forget() {
    x_read_ = -1;
    for (int64_t& image : y_read_) image = -1;
  }
  // `rows` of x from `first` on, and what their windows see of y.
  Comparison<T> read(int64_t pair, int64_t channel, int64_t first, int64_t rows) {
    const int64_t slot = slots_[pair], size = p_.pixels() * p_.channels;
    Patches<T>&x = patches_.x, &y = patches_.y[slot];
    if (x_read_ != x_of_[pair]) x.read(x_ + x_of_[pair] * size, channel, first, rows);
    if (y_read_[slot] != y_of_[pair]) y.read(y_ + y_of_[pair] * size, channel, first, rows + p_.rows - 1);
    x_read_ = x_of_[pair];
    y_read_[slot] = y_of_[pair];
    return Comparison<T>(p_, x, y);
  }

 private:
  const Problem& p_;
  const T *x_, *y_;
  const int64_t *x_of_, *y_of_;
  PatchSlots<T>& patches_;
  int64_t slots_[kMostPairs], x_read_, y_read_[kSlots];
};

template <typename T>
struct SummaryScratch {
  SummaryScratch(const Problem& p, Arena<T>& arena)
      : slots(p, Patches<T>::kByPixel, false, kBlockRows, arena),
        scores(arena.take(kTile * scores_stride<T>(p))),
        sums_of_pair(kBlockRows * p.width * padded<T>(p.filters)),
        sums(arena.take(kMostPairs * sums_of_pair)) {}
  PatchSlots<T> slots;
  T* scores;
  const int64_t sums_of_pair;
  T* sums;
};

// Computes the scores of a block of rows of a pair in one channel, and adds their part of the convolution to the sums.
template <typename T>
void add_to_sums(const Problem& p, const Comparison<T>& comparison, int64_t rows, const T* kernel, bool add, T* scores,
                 T* sums) {
  const int64_t stride = scores_stride<T>(p), filters = padded<T>(p.filters);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < p.width; column += kTile) {
      const int64_t count = least(kTile, p.width - column);
      comparison.template scores<End::kRelu>(row, column, count, scores, stride);
      product<T, true>(count, filters, p.window(), {scores, stride, 1}, {kernel, 0, filters},
                       sums + (row * p.width + column) * filters, filters, add);
    }
  }
}

template <typename T>
void summary(const Problem& p, const Arrays<T>& arrays, int64_t begin, int64_t end) {
  Arena<T> arena(arrays.scratch);
  SummaryScratch<T> here(p, arena);
  const Packed<T> layout(p);
  const int64_t tile = arrays.duplicates.tile;
  for (int64_t item = begin; item < end; ++item) {
    const RowBlock block(p, item, arrays.row_blocks);
    const int64_t start = block.tile * tile, first = block.first, rows = block.count;
    const int64_t pairs = least(tile, p.batch - start);
    PatchReader<T> reader(p, arrays, start, pairs, here.slots);
    for (int64_t channel = 0; channel < p.channels; ++channel) {
      reader.forget();
      for (int64_t pair = 0; pair < pairs; ++pair) {
        add_to_sums(p, reader.read(pair, channel, first, rows), rows,
                    layout.channel_by_position(arrays.packed, channel), channel > 0, here.scores,
                    here.sums + pair * here.sums_of_pair);
      }
    }
    for (int64_t pair = 0; pair < pairs; ++pair) {
      T* to = arrays.out + ((start + pair) * p.height + first) * p.width * p.filters;
      write_sums(p, here.sums + pair * here.sums_of_pair, rows * p.width, arrays.bias, to);
    }
  }
}

template <typename T>
struct SummaryGradientScratch {
  SummaryGradientScratch(const Problem& p, Arena<T>& arena)
      : block(p, scores_stride<T>(p)),
        slots(p, Patches<T>::kBoth, true, p.height, arena),
        gradients(p, slots.x, slots.y[0], block.count(), arena),
        scores(arena.take(block.count() * scores_stride<T>(p))),
        upstream_of_scores(arena.take(block.rows * (block.columns * scores_stride<T>(p) + p.width))),
        upstream(arena.take(block.count() * p.filters + padded<T>(p.filters))) {}
  const PositionBlock<T> block;
  PatchSlots<T> slots;
  GradientsOfPair<T> gradients;
  T *scores, *upstream_of_scores, *upstream;
};

// For a block of positions of a pair in one channel, from (row, column) on: adds the gradient of the kernel, and passes
// that of the scores on to the pixels.
template <typename T>
void add_gradients(const Problem& p, const Comparison<T>& comparison, int64_t row, int64_t rows, int64_t column,
                   int64_t columns, const T* upstream, const T* kernel, T* dkernel, SummaryGradientScratch<T>& here) {
  const int64_t stride = scores_stride<T>(p), count = rows * columns, window = padded<T>(p.window());
  T *scores = here.scores, *to_scores = here.upstream_of_scores;
  // A copy, because products read whole vectors, also past the last filter.
  __builtin_memcpy(here.upstream, upstream, count * p.filters * sizeof(T));
  const int64_t row_stride = columns * stride + p.width;
  for (int64_t i = 0; i < rows; ++i) {
    T* of_row = scores + i * columns * stride;
    comparison.template scores<End::kRelu>(row + i, column, columns, of_row, stride);
    product<T, true, End::kGate>(columns, window, p.filters, {here.upstream + i * columns * p.filters, p.filters, 1},
                                 {kernel, 0, window}, to_scores + i * row_stride, stride, false, of_row);
  }
  product<T, true>(p.window(), padded<T>(p.filters), count, {scores, 1, stride}, {here.upstream, 0, p.filters}, dkernel,
                   padded<T>(p.filters), true);
  here.gradients.add(comparison, row, rows, column, columns, to_scores, stride, row_stride);
}

template <typename T>
void summary_gradient(const Problem& p, const Arrays<T>& arrays, int64_t begin, int64_t end) {
  Arena<T> arena(arrays.scratch);
  SummaryGradientScratch<T> here(p, arena);
  const Packed<T> layout(p);
  const PositionBlock<T>& block = here.block;
  const int64_t tile = arrays.duplicates.tile;
  for (int64_t item = begin; item < end; ++item) {
    const int64_t start = item / p.channels * tile, channel = item % p.channels;
    const int64_t pairs = least(tile, p.batch - start);
    const T* kernel = layout.channel_by_filter(p, arrays.packed, channel);
    T* dkernel = arrays.partial + channel * p.window() * layout.filters;
    PatchReader<T> reader(p, arrays, start, pairs, here.slots);
    reader.forget();
    for (int64_t pair = 0; pair < pairs; ++pair) {
      const Comparison<T> comparison = reader.read(pair, channel, 0, p.height);
      const int64_t image = (start + pair) * p.pixels();
      here.gradients.clear(here.slots.x.stride());
      for (int64_t row = 0; row < p.height; row += block.rows) {
        const int64_t rows = least(block.rows, p.height - row);
        for (int64_t column = 0; column < p.width; column += block.columns) {
          const T* of_block = arrays.upstream + (image + row * p.width + column) * p.filters;
          add_gradients(p, comparison, row, rows, column, least(block.columns, p.width - column), of_block, kernel,
                        dkernel, here);
        }
      }
      here.gradients.write(comparison, arrays.dx + image * p.channels, arrays.dy + image * p.channels, channel);
    }
  }
}

}  // namespace
}  // namespace cpu
}  // namespace tfnxc

#endif  // TFNXC_CPU_CORRELATION_SUMMARY_H_
