// The kernels, compiled once for each instruction set: TFNXC_ISA is its name.
#include "cpu/patches.h"
#include "cpu/simd.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cpu {
namespace {

constexpr int64_t kTile = 24;  // positions of a row that are compared together

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
  void scores(int64_t row, int64_t column, int64_t count, T* scores, int64_t stride) const {
    const Factor<T> of_x = x.rows_from(row, column);
    if (p.whole_width()) {
      product<T, true>(count, p.window(), p.patch(), of_x, {y.by_pixel(row, 0), 0, y.pixel_stride()}, scores, stride,
                       false);
      return;
    }
    for (int64_t r = 0; r < p.rows; ++r) {
      product<T, false>(count, p.columns, p.patch(), of_x, {y.by_pixel(row + r, column), 1, y.pixel_stride()},
                        scores + r * p.columns, stride, false);
    }
  }

  // Gradient of the normalized patches of x at those positions, given that of their scores.
  void to_x(int64_t row, int64_t column, int64_t count, const T* upstream, int64_t stride, T* gradient) const {
    if (p.whole_width()) {
      product<T, true>(count, x.stride(), p.window(), {upstream, stride, 1}, {y.by_patch(row, 0), 0, y.stride()},
                       gradient, x.stride(), false);
      return;
    }
    for (int64_t r = 0; r < p.rows; ++r) {
      product<T, false>(count, x.stride(), p.columns, {upstream + r * p.columns, stride, 1},
                        {y.by_patch(row + r, column), y.stride(), y.stride()}, gradient, x.stride(), r > 0);
    }
  }

  // Adds the gradient of the normalized patches of y, laid out as they are by patch.
  void to_y(int64_t row, int64_t column, int64_t count, const T* upstream, int64_t stride, T* gradient) const {
    if (p.whole_width()) {
      product<T, true>(p.window(), x.stride(), count, {upstream, 1, stride}, {x.by_patch(row, column), 0, x.stride()},
                       gradient + row * p.width * x.stride(), x.stride(), true);
      return;
    }
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t r = 0; r < p.rows; ++r) {
        const int64_t patch = (row + r) * y.columns() + column + i;
        product<T, true>(p.columns, x.stride(), 1, {upstream + i * stride + r * p.columns, 1, 0},
                         {x.by_patch(row, column + i), 0, 0}, gradient + patch * x.stride(), x.stride(), true);
      }
    }
  }

  const Problem& p;
  const Patches<T>&x, &y;
};

// Room for the scores of a tile; a row of them is followed by what a product may overwrite.
template <typename T>
int64_t scores_stride(const Problem& p) {
  return padded<T>(p.window()) + kLanes<T>;
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

// Gradients of the patches of one channel, on their way to the pixels.
template <typename T>
struct PatchGradients {
  PatchGradients(const Problem& p, const Patches<T>& patches_of_x, const Patches<T>& patches_of_y, Arena<T>& arena)
      : p_(p),
        x_(patches_of_x),
        y_(patches_of_y),
        of_y_size_((p.height + p.rows - 1) * y_.columns() * y_.stride()),
        of_x_(arena.take(kTile * x_.stride())),
        of_y_(arena.take(of_y_size_)),
        fold_x_(p, 0, 0, arena),
        fold_y_(p, p.halo_rows(), p.halo_columns(), arena) {}

  void clear() {
    cpu::clear(of_y_, of_y_size_);
    fold_x_.clear();
    fold_y_.clear();
  }

  // Takes the gradient of the scores of a tile.
  void add(int64_t row, int64_t column, int64_t count, const T* upstream, int64_t stride) {
    const Comparison<T> comparison(p_, x_, y_);
    comparison.to_x(row, column, count, upstream, stride, of_x_);
    x_.through_normalization(of_x_, row, column, count);
    fold_x_.add(of_x_, row, column, count);
    comparison.to_y(row, column, count, upstream, stride, of_y_);
  }

  void write(T* dx, T* dy, int64_t channel) {
    for (int64_t row = 0; row < p_.height + p_.rows - 1; ++row) {
      T* gradient = of_y_ + row * y_.columns() * y_.stride();
      y_.through_normalization(gradient, row, 0, y_.columns());
      fold_y_.add(gradient, row, 0, y_.columns());
    }
    fold_x_.write(dx, channel);
    fold_y_.write(dy, channel);
  }

 private:
  const Problem& p_;
  const Patches<T>&x_, &y_;
  const int64_t of_y_size_;
  T *of_x_, *of_y_;
  Fold<T> fold_x_, fold_y_;
};

template <typename T>
struct GradientScratch {
  GradientScratch(const Problem& p, Arena<T>& arena)
      : x(p, Patches<T>::Of::kX, Patches<T>::kByPatch, true, p.height, arena),
        y(p, Patches<T>::Of::kY, Patches<T>::kByPatch, true, p.height + p.rows - 1, arena),
        gradients(p, x, y, arena) {}
  Patches<T> x, y;
  PatchGradients<T> gradients;
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
  for (int64_t item = begin; item < end; ++item) {
    const int64_t image = item / p.channels, channel = item % p.channels;
    const int64_t start = image * p.pixels() * p.channels;
    here.x.read(x + start, channel, 0, p.height);
    here.y.read(y + start, channel, 0, p.height + p.rows - 1);
    here.gradients.clear();
    for (int64_t row = 0; row < p.height; ++row) {
      for (int64_t column = 0; column < p.width; column += kTile) {
        const int64_t count = least(kTile, p.width - column);
        const T* from = upstream + ((image * p.height + row) * p.width + column) * p.maps() + channel * p.window();
        if (row + 1 < p.height) prefetch(from + p.width * p.maps(), count, p.maps(), p.window());
        here.gradients.add(row, column, count, from, p.maps());
      }
    }
    here.gradients.write(dx + start, dy + start, channel);
  }
}

// ---- Summary ---------------------------------------------------------------------------------------------------------

// The packed kernel: for each channel [window][filters, padded], for products that sum over window positions, and then
// for each channel [filters][window, padded], for products that sum over filters.
template <typename T>
struct Packed {
  explicit Packed(const Problem& p)
      : filters(padded<T>(p.filters)),
        window(padded<T>(p.window())),
        by_position(p.window() * filters),
        by_filter(p.filters * window),
        size(p.channels * (by_position + by_filter) + 2 * kLanes<T>) {}
  const T* channel_by_position(const T* packed, int64_t channel) const { return packed + channel * by_position; }
  const T* channel_by_filter(const Problem& p, const T* packed, int64_t channel) const {
    return packed + p.channels * by_position + channel * by_filter;
  }
  const int64_t filters, window, by_position, by_filter, size;
};

template <typename T>
int64_t packed_size(const Problem& p) {
  return Packed<T>(p).size;
}

template <typename T>
void pack(const Problem& p, const T* kernel, T* packed) {
  const Packed<T> layout(p);
  for (int64_t i = 0; i < layout.size; ++i) packed[i] = 0;
  T* by_filter = packed + p.channels * layout.by_position;
  for (int64_t channel = 0; channel < p.channels; ++channel) {
    for (int64_t position = 0; position < p.window(); ++position) {
      for (int64_t filter = 0; filter < p.filters; ++filter) {
        const T value = kernel[(channel * p.window() + position) * p.filters + filter];
        packed[channel * layout.by_position + position * layout.filters + filter] = value;
        by_filter[channel * layout.by_filter + filter * layout.window + position] = value;
      }
    }
  }
}

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

// The slot of y of each of `count` pairs: one for each image where there are repeats and slots enough; otherwise all share
// the first one, which then stays in the nearest cache.
inline void choose_slots(const int64_t* y_of, int64_t count, int64_t* slots) {
  int64_t used = 0;
  for (int64_t pair = 0; pair < count; ++pair) {
    int64_t earlier = 0;
    while (earlier < pair && y_of[earlier] != y_of[pair]) ++earlier;
    slots[pair] = earlier < pair ? slots[earlier] : used++;
  }
  if (used <= kSlots && used < count) return;
  for (int64_t pair = 0; pair < count; ++pair) slots[pair] = 0;
}

// Scores of a block of rows of a pair in one channel, and their share of the sums.
template <typename T>
void add_to_sums(const Problem& p, const Comparison<T>& comparison, int64_t rows, const T* kernel, bool add, T* scores,
                 T* sums) {
  const int64_t stride = scores_stride<T>(p), filters = padded<T>(p.filters);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < p.width; column += kTile) {
      const int64_t count = least(kTile, p.width - column);
      comparison.scores(row, column, count, scores, stride);
      for (int64_t i = 0; i < count * stride; i += kLanes<T>) store(scores + i, relu<T>(load(scores + i)));
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
  const int64_t size = p.pixels() * p.channels;
  for (int64_t item = begin; item < end; ++item) {
    const int64_t start = item / blocks_of_rows(p) * repeats.tile, first = item % blocks_of_rows(p) * kBlockRows;
    const int64_t pairs = least(repeats.tile, p.batch - start), rows = least(kBlockRows, p.height - first);
    const int64_t *x_of = repeats.x_of + start, *y_of = repeats.y_of + start;
    int64_t slots[kMostPairs];
    choose_slots(y_of, pairs, slots);
    for (int64_t channel = 0; channel < p.channels; ++channel) {
      int64_t x_read = -1, y_read[kSlots];
      for (int64_t& image : y_read) image = -1;
      for (int64_t pair = 0; pair < pairs; ++pair) {
        Patches<T>& of_y = here.y[slots[pair]];
        if (x_read != x_of[pair]) here.x.read(x + x_of[pair] * size, channel, first, rows);
        if (y_read[slots[pair]] != y_of[pair]) of_y.read(y + y_of[pair] * size, channel, first, rows + p.rows - 1);
        x_read = x_of[pair];
        y_read[slots[pair]] = y_of[pair];
        add_to_sums(p, Comparison<T>(p, here.x, of_y), rows, layout.channel_by_position(packed, channel), channel > 0,
                    here.scores, here.sums + pair * here.sums_of_pair);
      }
    }
    for (int64_t pair = 0; pair < pairs; ++pair) {
      const T* from = here.sums + pair * here.sums_of_pair;
      T* to = out + ((start + pair) * p.height + first) * p.width * p.filters;
      for (int64_t pixel = 0; pixel < rows * p.width; ++pixel) {
        for (int64_t filter = 0; filter < p.filters; ++filter) {
          to[pixel * p.filters + filter] = from[pixel * layout.filters + filter] + bias[filter];
        }
      }
    }
  }
}

// ---- Its gradient ----------------------------------------------------------------------------------------------------

template <typename T>
struct SummaryGradientScratch {
  SummaryGradientScratch(const Problem& p, Arena<T>& arena)
      : x(p, Patches<T>::Of::kX, Patches<T>::kByPatch, true, p.height, arena),
        y(p, Patches<T>::Of::kY, Patches<T>::kBoth, true, p.height + p.rows - 1, arena),
        gradients(p, x, y, arena),
        scores(arena.take(kTile * scores_stride<T>(p))),
        upstream_of_scores(arena.take(kTile * scores_stride<T>(p))),
        upstream(arena.take(p.pixels() * padded<T>(p.filters))) {}
  Patches<T> x, y;
  PatchGradients<T> gradients;
  T *scores, *upstream_of_scores, *upstream;
};

template <typename T>
int64_t partial_size(const Problem& p) {
  return p.maps() * padded<T>(p.filters) + 2 * kLanes<T>;
}

template <typename T>
void summary_gradient(const Problem& p, const T* x, const T* y, const T* packed, const T* upstream, T* dx, T* dy,
                      T* partial, T* scratch, int64_t begin, int64_t end) {
  Arena<T> arena(scratch);
  SummaryGradientScratch<T> here(p, arena);
  const Comparison<T> comparison(p, here.x, here.y);
  const Packed<T> layout(p);
  const int64_t stride = scores_stride<T>(p);
  int64_t read_image = -1;
  for (int64_t item = begin; item < end; ++item) {
    const int64_t image = item / p.channels, channel = item % p.channels;
    const int64_t start = image * p.pixels() * p.channels;
    if (image != read_image) {
      const T* from = upstream + image * p.pixels() * p.filters;
      for (int64_t pixel = 0; pixel < p.pixels(); ++pixel) {
        T* to = here.upstream + pixel * layout.filters;
        for (int64_t filter = 0; filter < p.filters; ++filter) to[filter] = from[pixel * p.filters + filter];
        for (int64_t filter = p.filters; filter < layout.filters; ++filter) to[filter] = 0;
      }
      read_image = image;
    }
    here.x.read(x + start, channel, 0, p.height);
    here.y.read(y + start, channel, 0, p.height + p.rows - 1);
    here.gradients.clear();
    const T* kernel = layout.channel_by_filter(p, packed, channel);
    T* dkernel = partial + channel * p.window() * layout.filters;
    for (int64_t row = 0; row < p.height; ++row) {
      for (int64_t column = 0; column < p.width; column += kTile) {
        const int64_t count = least(kTile, p.width - column);
        const T* of_tile = here.upstream + (row * p.width + column) * layout.filters;
        T *scores = here.scores, *to_scores = here.upstream_of_scores;
        comparison.scores(row, column, count, scores, stride);
        product<T, true>(count, layout.window, p.filters, {of_tile, layout.filters, 1}, {kernel, 0, layout.window},
                         to_scores, stride, false);
        for (int64_t i = 0; i < count * stride; i += kLanes<T>) {
          const Vector<T> score = load(scores + i);
          store(to_scores + i, where_positive<T>(score, load(to_scores + i)));
          store(scores + i, relu<T>(score));
        }
        product<T, true>(p.window(), layout.filters, count, {scores, 1, stride}, {of_tile, 0, layout.filters}, dkernel,
                         layout.filters, true);
        here.gradients.add(row, column, count, to_scores, stride);
      }
    }
    here.gradients.write(dx + start, dy + start, channel);
  }
}

template <typename T>
void add_partials(const Problem& p, const T* partials, int64_t count, const T* upstream, T* dkernel, T* dbias) {
  const int64_t filters = padded<T>(p.filters), size = partial_size<T>(p);
  for (int64_t map = 0; map < p.maps(); ++map) {
    for (int64_t filter = 0; filter < p.filters; ++filter) {
      T total = 0;
      for (int64_t i = 0; i < count; ++i) total += partials[i * size + map * filters + filter];
      dkernel[map * p.filters + filter] = total;
    }
  }
  // A row of the batch first, so that float sums of many images keep their digits.
  for (int64_t filter = 0; filter < p.filters; ++filter) dbias[filter] = 0;
  for (int64_t row = 0; row < p.batch * p.height; ++row) {
    for (int64_t filter = 0; filter < p.filters; ++filter) {
      T total = 0;
      for (int64_t x = 0; x < p.width; ++x) total += upstream[(row * p.width + x) * p.filters + filter];
      dbias[filter] += total;
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
};

}  // namespace

// Declared in dispatch.cc, one pair for each object.
const Kernels<float>* TFNXC_JOIN(TFNXC_ISA, _kernels)(float) { return &kTable<float>; }
const Kernels<double>* TFNXC_JOIN(TFNXC_ISA, _kernels)(double) { return &kTable<double>; }

}  // namespace cpu
}  // namespace tfnxc
