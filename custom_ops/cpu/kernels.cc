// The kernels, compiled once for each instruction set: TFNXC_ISA is its name.
#include "cpu/cross_input.h"
#include "cpu/patches.h"
#include "cpu/simd.h"
#include "cpu/summaries.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cpu {
namespace {

// The comparison of a tile of positions with their search windows, and its adjoint.
//
// With the whole width, all positions of a row share one window, a run of rows * width patches. With relative columns the
// window moves along with the position, and each of its rows is a run of its own.
template <typename T>
struct Comparison {
  Comparison(const Problem& problem, const Patches<T>& patches_of_x, const Patches<T>& patches_of_y)
      : p(problem), x(patches_of_x), y(patches_of_y) {}

  // Scores of `count` positions from (row, column): scores[position * stride + window position]. `row` counts in x and y
  // alike, because y begins a halo further up.
  template <End kEnd = End::kStore>
  void scores(int64_t row, int64_t column, int64_t count, T* scores, int64_t stride) const {
    const Factor<T> of_x{x.by_pixel(row, column), 1, x.pixel_stride()};
    if (p.whole_width()) {
      product<T, true, kEnd>(count, p.window(), p.patch(), of_x, {y.by_pixel(row, 0), 0, y.pixel_stride()}, scores, stride,
                             false);
      return;
    }
    for (int64_t r = 0; r < p.rows; ++r) {
      product<T, false, kEnd>(count, p.columns, p.patch(), of_x, {y.by_pixel(row + r, column), 1, y.pixel_stride()},
                              scores + r * p.columns, stride, false);
    }
  }

  // Gradient of the normalized patches of x at those positions, laid out by patch, given that of their scores.
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

  // Adds the gradient of the normalized patches of y, laid out by patch. `columns` positions of each of `rows` rows: where
  // there is more than one row, the rows are whole, and `row_stride` is columns * stride + width. Then the numbers that a
  // row of y receives from several rows of x lie evenly apart, and are one long sum.
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

// Room for the scores of a position: those of a row of its window may be followed by what a product overwrites.
template <typename T>
int64_t scores_stride(const Problem& p) {
  return padded<T>(p.window()) + (p.whole_width() ? 0 : kLanes<T>);
}

// ---- Correlation -----------------------------------------------------------------------------------------------------

// Scores are gathered for a block of rows and as many channels as fit well into a cache, and then written in long runs:
// the 60 scores of one channel alone begin and end within a line of the cache, and lie pages apart.
template <typename T>
int64_t channels_together(const Problem& p) {
  constexpr int64_t kWell = (int64_t{1} << 20) / sizeof(T);
  const int64_t of_one = kBlockRows * p.width * p.window();
  return of_one >= kWell ? 1 : least(p.channels, kWell / of_one);
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
void forward(const Problem& p, const T* x, const T* y, T* out, T* scratch, int64_t begin, int64_t end) {
  Arena<T> arena(scratch);
  ForwardScratch<T> here(p, arena);
  const Comparison<T> comparison(p, here.x, here.y);
  const int64_t together = channels_together<T>(p);
  const bool large = p.batch * p.pixels() * p.maps() * int64_t(sizeof(T)) > int64_t{1} << 23;
  for (int64_t item = begin; item < end; ++item) {
    const int64_t image = item / blocks_of_rows(p), first = item % blocks_of_rows(p) * kBlockRows;
    const int64_t rows = least(kBlockRows, p.height - first);
    const int64_t start = image * p.pixels() * p.channels;
    for (int64_t channel = 0; channel < p.channels; channel += together) {
      const int64_t channels = least(together, p.channels - channel);
      for (int64_t i = 0; i < channels; ++i) {
        here.x.read(x + start, channel + i, first, rows);
        here.y.read(y + start, channel + i, first, rows + p.rows - 1);
        for (int64_t row = 0; row < rows; ++row) {
          comparison.scores(row, 0, p.width, here.scores + row * p.width * here.stride + i * p.window(), here.stride);
        }
      }
      T* to = out + (image * p.height + first) * p.width * p.maps() + channel * p.window();
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

// ---- Its gradient ----------------------------------------------------------------------------------------------------

// From the gradients of the scores of a pair in one channel to those of its pixels.
template <typename T>
class GradientsOfPair {
 public:
  // `most`: positions that are added at a time.
  GradientsOfPair(const Problem& p, const Patches<T>& x, const Patches<T>& y, int64_t most, Arena<T>& arena)
      : p_(p),
        patches_of_y_((p.height + p.rows - 1) * y.columns()),
        of_x_(arena.take(padded<T>(most) * x.stride())),
        of_y_(arena.take(padded<T>(patches_of_y_) * y.stride())),
        fold_x_(p, x, 0, 0, arena),
        fold_y_(p, y, p.halo_rows(), p.halo_columns(), arena) {}

  void clear(int64_t stride) { cpu::clear(of_y_, patches_of_y_ * stride); }

  // Takes the gradient of the scores of positions, as Comparison::to_y does.
  void add(const Comparison<T>& comparison, int64_t row, int64_t rows, int64_t column, int64_t columns, const T* upstream,
           int64_t stride, int64_t row_stride) {
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

// Asks for the upstream gradient of the next row while this one is worked on: its runs lie too far apart for the
// processor to see a pattern.
template <typename T>
inline void prefetch(const T* from, int64_t runs, int64_t stride, int64_t length) {
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t run = 0; run < runs; ++run) {
    for (int64_t i = 0; i < length + kLine - 1; i += kLine) __builtin_prefetch(from + run * stride + i);
  }
}

template <typename T>
void gradient(const Problem& p, const T* x, const T* y, const T* upstream, T* dx, T* dy, T* scratch, int64_t begin,
              int64_t end) {
  Arena<T> arena(scratch);
  GradientScratch<T> here(p, arena);
  const Comparison<T> comparison(p, here.x, here.y);
  for (int64_t item = begin; item < end; ++item) {
    const int64_t image = item / p.channels, channel = item % p.channels;
    const int64_t start = image * p.pixels() * p.channels;
    here.x.read(x + start, channel, 0, p.height);
    here.y.read(y + start, channel, 0, p.height + p.rows - 1);
    here.gradients.clear(here.x.stride());
    for (int64_t row = 0; row < p.height; ++row) {
      for (int64_t column = 0; column < p.width; column += kTile) {
        const int64_t count = least(kTile, p.width - column);
        const T* from = upstream + ((image * p.height + row) * p.width + column) * p.maps() + channel * p.window();
        if (row + 1 < p.height) prefetch(from + p.width * p.maps(), count, p.maps(), p.window());
        here.gradients.add(comparison, row, 1, column, count, from, p.maps(), 0);
      }
    }
    here.gradients.write(comparison, dx + start, dy + start, channel);
  }
}

// ---- Summary ---------------------------------------------------------------------------------------------------------

// Patches of several images of y at a time, so that those of an image serve all the pairs of a tile it is in.
constexpr int64_t kSlots = 8;

template <typename T>
struct SummaryScratch {
  SummaryScratch(const Problem& p, Arena<T>& arena)
      : x(p, Patches<T>::Of::kX, Patches<T>::kByPixel, false, kBlockRows, arena),
        y{of_y(p, arena), of_y(p, arena), of_y(p, arena), of_y(p, arena),
          of_y(p, arena), of_y(p, arena), of_y(p, arena), of_y(p, arena)},
        scores(arena.take(kTile * scores_stride<T>(p))),
        sums_of_pair(kBlockRows * p.width * padded<T>(p.filters)),
        sums(arena.take(kMostPairs * sums_of_pair)) {}
  static Patches<T> of_y(const Problem& p, Arena<T>& arena) {
    return Patches<T>(p, Patches<T>::Of::kY, Patches<T>::kByPixel, false, kBlockRows + p.rows - 1, arena);
  }
  Patches<T> x, y[kSlots];
  T* scores;
  const int64_t sums_of_pair;
  T* sums;
};

// The slot of y of each of `count` pairs: the one that holds its image already, or else the one that was not used for
// longest. Where no image comes again in time, all share the first slot, which then stays in the nearest cache.
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

// Reads the patches of pairs of a tile, those of an image once as long as a slot holds them.
template <typename T>
class PatchReader {
 public:
  PatchReader(const Problem& p, const T* x, const T* y, const Repeats& repeats, int64_t start, int64_t pairs)
      : size_(p.pixels() * p.channels), x_(x), y_(y), x_of_(repeats.x_of + start), y_of_(repeats.y_of + start) {
    choose_slots(y_of_, pairs, slots_);
  }
  // Nothing of another channel or of other rows is of use.
  void forget() {
    x_read_ = -1;
    for (int64_t& image : y_read_) image = -1;
  }
  // Gives the patches of y; x_rows and y_rows are read from `first` on.
  const Patches<T>& read(int64_t pair, int64_t channel, int64_t first, int64_t x_rows, int64_t y_rows, Patches<T>& x,
                         Patches<T>* y) {
    const int64_t slot = slots_[pair];
    if (x_read_ != x_of_[pair]) x.read(x_ + x_of_[pair] * size_, channel, first, x_rows);
    if (y_read_[slot] != y_of_[pair]) y[slot].read(y_ + y_of_[pair] * size_, channel, first, y_rows);
    x_read_ = x_of_[pair];
    y_read_[slot] = y_of_[pair];
    return y[slot];
  }

 private:
  const int64_t size_;
  const T *x_, *y_;
  const int64_t *x_of_, *y_of_;
  int64_t slots_[kMostPairs], x_read_, y_read_[kSlots];
};

// Scores of a block of rows of a pair in one channel, and their share of the sums.
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
void summary(const Problem& p, const T* x, const T* y, const Repeats& repeats, const T* packed, const T* bias, T* out,
             T* scratch, int64_t begin, int64_t end) {
  Arena<T> arena(scratch);
  SummaryScratch<T> here(p, arena);
  const Packed<T> layout(p);
  for (int64_t item = begin; item < end; ++item) {
    const int64_t start = item / blocks_of_rows(p) * repeats.tile, first = item % blocks_of_rows(p) * kBlockRows;
    const int64_t pairs = least(repeats.tile, p.batch - start), rows = least(kBlockRows, p.height - first);
    PatchReader<T> reader(p, x, y, repeats, start, pairs);
    for (int64_t channel = 0; channel < p.channels; ++channel) {
      reader.forget();
      for (int64_t pair = 0; pair < pairs; ++pair) {
        const Patches<T>& of_y = reader.read(pair, channel, first, rows, rows + p.rows - 1, here.x, here.y);
        add_to_sums(p, Comparison<T>(p, here.x, of_y), rows, layout.channel_by_position(packed, channel), channel > 0,
                    here.scores, here.sums + pair * here.sums_of_pair);
      }
    }
    for (int64_t pair = 0; pair < pairs; ++pair) {
      T* to = out + ((start + pair) * p.height + first) * p.width * p.filters;
      write_sums(p, here.sums + pair * here.sums_of_pair, rows * p.width, bias, to);
    }
  }
}

// ---- Its gradient ----------------------------------------------------------------------------------------------------

template <typename T>
struct SummaryGradientScratch {
  SummaryGradientScratch(const Problem& p, Arena<T>& arena)
      : block(p, scores_stride<T>(p)),
        x(p, Patches<T>::Of::kX, Patches<T>::kBoth, true, p.height, arena),
        y{of_y(p, arena), of_y(p, arena), of_y(p, arena), of_y(p, arena),
          of_y(p, arena), of_y(p, arena), of_y(p, arena), of_y(p, arena)},
        gradients(p, x, y[0], block.count(), arena),
        scores(arena.take(block.count() * scores_stride<T>(p))),
        upstream_of_scores(arena.take(block.rows * (block.columns * scores_stride<T>(p) + p.width))),
        upstream(arena.take(block.count() * p.filters + padded<T>(p.filters))) {}
  static Patches<T> of_y(const Problem& p, Arena<T>& arena) {
    return Patches<T>(p, Patches<T>::Of::kY, Patches<T>::kBoth, true, p.height + p.rows - 1, arena);
  }
  const PositionBlock<T> block;
  Patches<T> x, y[kSlots];
  GradientsOfPair<T> gradients;
  T *scores, *upstream_of_scores, *upstream;
};

// The gradient of a block of positions of a pair in one channel, from (row, column) on: adds that of the kernel, and gives
// that of the scores to the pixels'.
template <typename T>
void add_gradients(const Problem& p, const Comparison<T>& comparison, int64_t row, int64_t rows, int64_t column,
                   int64_t columns, const T* upstream, const T* kernel, T* dkernel, SummaryGradientScratch<T>& here) {
  const int64_t stride = scores_stride<T>(p), count = rows * columns, window = padded<T>(p.window());
  T *scores = here.scores, *to_scores = here.upstream_of_scores;
  // A copy, because products read whole vectors of it, also behind the last filter.
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
void summary_gradient(const Problem& p, const T* x, const T* y, const Repeats& repeats, const T* packed,
                      const T* upstream, T* dx, T* dy, T* partial, T* scratch, int64_t begin, int64_t end) {
  Arena<T> arena(scratch);
  SummaryGradientScratch<T> here(p, arena);
  const Packed<T> layout(p);
  const PositionBlock<T>& block = here.block;
  for (int64_t item = begin; item < end; ++item) {
    const int64_t start = item / p.channels * repeats.tile, channel = item % p.channels;
    const int64_t pairs = least(repeats.tile, p.batch - start);
    const T* kernel = layout.channel_by_filter(p, packed, channel);
    T* dkernel = partial + channel * p.window() * layout.filters;
    PatchReader<T> reader(p, x, y, repeats, start, pairs);
    reader.forget();
    for (int64_t pair = 0; pair < pairs; ++pair) {
      const Patches<T>& of_y = reader.read(pair, channel, 0, p.height, p.height + p.rows - 1, here.x, here.y);
      const Comparison<T> comparison(p, here.x, of_y);
      const int64_t image = (start + pair) * p.pixels();
      here.gradients.clear(here.x.stride());
      for (int64_t row = 0; row < p.height; row += block.rows) {
        const int64_t rows = least(block.rows, p.height - row);
        for (int64_t column = 0; column < p.width; column += block.columns) {
          const T* of_block = upstream + (image + row * p.width + column) * p.filters;
          add_gradients(p, comparison, row, rows, column, least(block.columns, p.width - column), of_block, kernel,
                        dkernel, here);
        }
      }
      here.gradients.write(comparison, dx + image * p.channels, dy + image * p.channels, channel);
    }
  }
}

#define TFNXC_JOIN_AS_WRITTEN(a, b) a##b
#define TFNXC_JOIN(a, b) TFNXC_JOIN_AS_WRITTEN(a, b)
#define TFNXC_QUOTE_AS_WRITTEN(a) #a
#define TFNXC_QUOTE(a) TFNXC_QUOTE_AS_WRITTEN(a)

template <typename T>
constexpr Kernels<T> kTable{
    TFNXC_QUOTE(TFNXC_ISA),
    size_of<T, ForwardScratch<T>>,
    forward<T>,
    size_of<T, GradientScratch<T>>,
    gradient<T>,
    packed_size<T>,
    pack<T>,
    size_of<T, SummaryScratch<T>>,
    summary<T>,
    partial_size<T>,
    size_of<T, SummaryGradientScratch<T>>,
    summary_gradient<T>,
    add_partials<T>,
    size_of<T, CrossInputScratch<T>>,
    cross_input<T>,
    size_of<T, CrossInputGradientScratch<T>>,
    cross_input_gradient<T>,
};

}  // namespace

// Declared in dispatch.cc, one pair for each object.
const Kernels<float>* TFNXC_JOIN(TFNXC_ISA, _kernels)(float) { return &kTable<float>; }
const Kernels<double>* TFNXC_JOIN(TFNXC_ISA, _kernels)(double) { return &kTable<double>; }

}  // namespace cpu
}  // namespace tfnxc
