// The gradient of the normalized correlation of any geometry.
#ifndef TFNXC_CPU_ANY_GRADIENT_H_
#define TFNXC_CPU_ANY_GRADIENT_H_

#include "cpu/any_axis.h"
#include "cpu/any_correlation.h"
#include "cpu/correlation.h"
#include "cpu/grid_patches.h"
#include "cpu/position_block.h"
#include "cpu/scratch_memory.h"
#include "cpu/simd.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cpu {
namespace {

// Some channels of a pair. All positions are kept, and of y some rows at a time.
//
// What is stored by patch has the patches of the channels one after the other, zero-padded to whole vectors. Positions
// lie by class of rows, class of columns, tile, row of the class, and position of the tile: so those of a tile that see
// a row of places are one run.
template <typename T>
struct AnyGradientScratch {
  AnyGradientScratch(const AnyProblem& problem, Arena<T>& arena)
      : p(problem),
        map_of_x(problem_of(p, false)),
        map_of_y(problem_of(p, true)),
        tile(p.columns),
        together((p.channels + fewest_chunks(p) - 1) / fewest_chunks(p)),
        stride(padded<T>(together * p.patch())),
        x(p, map_of_x, false, true, kBlockRows, arena),
        y(p, map_of_y, true, true, kBlockRows, arena),
        of_x(arena.take(p.positions() * stride)),
        to_x(arena.take(p.positions() * stride)),
        to_row(arena.take((x.columns() + kLanes<T>) * stride)),
        of_y(arena.take(kBlockRows * y.columns() * stride)),
        to_y(arena.take((kBlockRows * y.columns() + kLanes<T>) * stride)),
        band(arena.take(p.rows.positions() * tile.positions * tile.stride)),
        bad_x(arena.take(p.positions() * together)),
        bad_y(arena.take(kBlockRows * y.columns() * together)),
        touched_x(arena.take(x.columns() + kLanes<T>)),
        touched_y(arena.take(y.columns() + kLanes<T>)),
        plane_of_x(arena.take(together * plane(x))),
        plane_of_y(arena.take(together * plane(y))) {}

  static int64_t plane(const GridPatches<T>& patches) { return padded<T>(patches.plane_size()) + kLanes<T>; }

  const AnyProblem& p;
  const Problem map_of_x, map_of_y;
  const ColumnTile<T> tile;
  const int64_t together, stride;
  GridPatches<T> x, y;
  T *of_x, *to_x;                // normalized patches of all positions, times weights; and gradients, by patch
  T* to_row;                     // gradients of a row of patches of x in one channel
  T *of_y, *to_y;                // the same of some rows of y
  T* band;                       // upstream gradient of a tile: [row, position of the tile][place]
  T *bad_x, *bad_y;              // 1 where a patch is not finite, by channel
  T *touched_x, *touched_y;      // 1 where the patches of a column are compared with any
  T *plane_of_x, *plane_of_y;
};

template <typename T>
class AnyGradient {
 public:
  AnyGradient(const AnyProblem& p, const AnyArrays<T>& arrays, AnyGradientScratch<T>& here)
      : p_(p),
        arrays_(arrays),
        here_(here),
        N_(p.patch()),
        stride_(here.stride),
        down_(p.rows.positions()),
        across_(p.columns.positions()),
        groups_(p.groups()),
        window_(p.window()) {
    clear(here.touched_x, here.x.columns() + kLanes<T>);
    clear(here.touched_y, here.y.columns() + kLanes<T>);
    each_class(p.columns, [&](const Class& c) {
      for (int64_t u = 0; u < c.count; ++u) {
        const int64_t low = c.first_seen(u), high = c.end_seen(u + 1);
        here.touched_x[column_of_x(c, u)] = same() || low < high;
        for (int64_t v = low; v < high; ++v) here.touched_y[column_of_y(c, v)] = 1;
      }
    });
  }

  // The channels [channel, channel + channels) of the images [begin, end).
  void run(int64_t begin, int64_t end, int64_t channel, int64_t channels) {
    channel_ = channel;
    channels_ = channels;
    const int64_t size_of_x = p_.rows.x * p_.columns.x * p_.channels;
    const int64_t size_of_y = p_.rows.y * p_.columns.y * p_.channels;
    T* dweights = p_.reduced ? arrays_.dweights + (images_apart(p_) == 1 ? 0 : begin) * p_.channels + channel : nullptr;
    for (int64_t i = 0; p_.reduced && i < channels; ++i) dweights[i] = 0;
    clear_plane_of_x();
    clear_plane_of_y();
    for (int64_t image = begin; image < end; ++image) {
      image_ = image;
      const int64_t start_of_x = p_.x_batch == 1 ? 0 : image * size_of_x;
      const int64_t start_of_y = p_.y_batch == 1 ? 0 : image * size_of_y;
      read_x(arrays_.x + start_of_x);
      clear(here_.to_x, p_.positions() * stride_);
      each_class(p_.rows, [&](const Class& rows) { add_rows(rows, arrays_.y + start_of_y); });
      finish_x(arrays_.x + start_of_x, dweights);
      if (p_.x_batch != 1) {
        write_x(arrays_.dx + start_of_x);
        clear_plane_of_x();
      }
      if (p_.y_batch != 1) {
        write_y(arrays_.dy + start_of_y);
        clear_plane_of_y();
      }
    }
    if (p_.x_batch == 1) write_x(arrays_.dx);
    if (p_.y_batch == 1) write_y(arrays_.dy);
  }

 private:
  template <typename Visit>
  static void each_class(const Axis& axis, Visit visit) {
    for (int64_t number = 0; number < classes_of(axis); ++number) visit(class_of(axis, number));
  }

  T* plane_of_x(int64_t i) const { return here_.plane_of_x + i * here_.plane(here_.x); }
  T* plane_of_y(int64_t i) const { return here_.plane_of_y + i * here_.plane(here_.y); }
  void clear_plane_of_x() const { clear(here_.plane_of_x, channels_ * here_.plane(here_.x)); }
  void clear_plane_of_y() const { clear(here_.plane_of_y, channels_ * here_.plane(here_.y)); }
  void write_x(T* dx) const {
    for (int64_t i = 0; i < channels_; ++i) here_.x.write(plane_of_x(i), dx, channel_ + i);
  }
  void write_y(T* dy) const {
    for (int64_t i = 0; i < channels_; ++i) here_.y.write(plane_of_y(i), dy, channel_ + i);
  }

  bool same() const { return p_.rows.padding == Padding::kSame; }
  T weight(int64_t i) const { return p_.reduced ? arrays_.weights[channel_ + i] : T(1); }

  // Columns of patches.
  int64_t column_of_x(const Class& c, int64_t u) const {
    return here_.x.first_column() + (c.first + c.apart * u) * p_.columns.stride;
  }
  int64_t column_of_y(const Class& c, int64_t v) const { return here_.y.first_column() + c.place + c.step * v; }

  // Where a position of the tile that begins with `first` lies: the first of that row of the class.
  int64_t position(const Class& rows, int64_t m, const Class& columns, int64_t first, int64_t positions) const {
    return rows.before * across_ + (columns.before + first) * rows.count + m * positions;
  }

  // Stores a patch of one channel among those by patch, zeros if it is not finite, which `bad` then says.
  bool put(const T* patch, int64_t i, T factor, T* to, T* bad) const {
    const T value = patch[N_ / 2];  // one that takes part; where one is not finite, none is
    const bool finite = value == value;
    *bad = finite ? 0 : 1;
    T* of_channel = to + i * N_;
    if (i * N_ + here_.x.stride() <= stride_) {  // vectors reach into the next channel, which is written later
      for (int64_t k = 0; k < N_; k += kLanes<T>) {
        store(of_channel + k, finite ? load(patch + k) * factor : Vector<T>{});
      }
    } else {
      for (int64_t k = 0; k < N_; ++k) of_channel[k] = finite ? patch[k] * factor : T(0);
    }
    return !finite;
  }

  void read_x(const T* image) {
    clear(here_.of_x, p_.positions() * stride_);
    any_bad_x_ = false;
    each_class(p_.rows, [&](const Class& rows) {
      each_run_of_x(rows, [&](int64_t place, int64_t first, int64_t count) {
        for (int64_t i = 0; i < channels_; ++i) {
          here_.x.read(image, channel_ + i, place, count);
          for (int64_t row = 0; row < count; ++row) {
            each_position(rows, first + row, [&](int64_t at, int64_t column) {
              any_bad_x_ |= put(here_.x.by_patch(row, column), i, weight(i), here_.of_x + at * stride_,
                                here_.bad_x + at * channels_ + i);
            });
          }
        }
      });
    });
  }

  template <typename Visit>
  void each_run_of_x(const Class& rows, Visit visit) const {
    each_run(rows.first * p_.rows.stride, rows.apart * p_.rows.stride, 0, rows.count, visit);
  }

  // Calls visit(where it lies, column of its patch) for the positions of a row.
  template <typename Visit>
  void each_position(const Class& rows, int64_t m, Visit visit) const {
    each_class(p_.columns, [&](const Class& c) {
      each_tile(c, here_.tile.positions, [&](int64_t u, int64_t positions, int64_t, int64_t) {
        const int64_t at = position(rows, m, c, u, positions);
        for (int64_t i = 0; i < positions; ++i) visit(at + i, column_of_x(c, u + i));
      });
    });
  }

  // Adds what the rows of places that a class of rows sees give to x, and finishes the gradients of their own pixels.
  void add_rows(const Class& rows, const T* image) {
    const int64_t columns = here_.y.columns();
    each_run(rows.place, rows.step, rows.first_seen(0), rows.end_seen(rows.count),
             [&](int64_t place, int64_t first, int64_t count) {
               read_y(image, place, count);
               each_class(p_.columns, [&](const Class& c) {
                 each_tile(c, here_.tile.positions, [&](int64_t u, int64_t positions, int64_t low, int64_t high) {
                   for (int64_t row = 0; row < count && low < high; ++row) {
                     compare(rows, first + row, row, c, u, positions, low, high);
                   }
                 });
               });
               for (int64_t i = 0; i < channels_; ++i) {
                 here_.y.read(image, channel_ + i, place, count);
                 for (int64_t row = 0; row < count; ++row) {
                   if (rows.first_seeing(first + row) >= rows.end_seeing(first + row)) continue;
                   here_.y.add_gradient(row, here_.to_y + row * columns * stride_ + i * N_, stride_, here_.touched_y, 1,
                                        plane_of_y(i));
                 }
               }
             });
  }

  void read_y(const T* image, int64_t place, int64_t count) {
    const int64_t patches = count * here_.y.columns();
    clear(here_.of_y, patches * stride_);
    clear(here_.to_y, patches * stride_);
    any_bad_y_ = false;
    for (int64_t i = 0; i < channels_; ++i) {
      here_.y.read(image, channel_ + i, place, count);
      for (int64_t at = 0; at < patches; ++at) {
        any_bad_y_ |=
            put(here_.y.by_patch(0, at), i, 1, here_.of_y + at * stride_, here_.bad_y + at * channels_ + i);
      }
    }
  }

  // Adds what the row of places `v`, the `row`-th of those that were read, gives to the tile of positions from `u` on,
  // which sees its places [low, high); and what they give to it.
  void compare(const Class& rows, int64_t v, int64_t row, const Class& c, int64_t u, int64_t positions, int64_t low,
               int64_t high) {
    const int64_t begin = rows.first_seeing(v), end = rows.end_seeing(v), band_stride = here_.tile.stride;
    if (begin >= end) return;
    for (int64_t m = begin; m < end; ++m) {
      T* to = here_.band + (m - begin) * positions * band_stride;
      for (int64_t i = 0; i < positions; ++i) read_band(rows, m, v, c, u + i, low, to + i * band_stride);
    }
    const int64_t at = position(rows, begin, c, u, positions), count = (end - begin) * positions;
    const int64_t place = row * here_.y.columns() + column_of_y(c, low);
    product<T, true>(count, stride_, high - low, {here_.band, band_stride, 1},
                     {here_.of_y + place * stride_, 0, c.step * stride_}, here_.to_x + at * stride_, stride_, true);
    product<T, true>(high - low, stride_, count, {here_.band, 1, band_stride},
                     {here_.of_x + at * stride_, 0, stride_}, here_.to_y + place * stride_, c.step * stride_, true);
    if (!any_bad_x_ && !any_bad_y_) return;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t position = u + i % positions;
      for (int64_t seen = c.first_seen(position); seen < c.end_seen(position + 1); ++seen) {
        spoil(at + i, row * here_.y.columns() + column_of_y(c, seen));
      }
    }
  }

  // The upstream gradient of a position for a row of places, from place `low` on, and zeros for those it does not see.
  void read_band(const Class& rows, int64_t m, int64_t v, const Class& c, int64_t u, int64_t low, T* to) const {
    clear(to, here_.tile.stride);
    const int64_t i = rows.first + rows.apart * m, j = c.first + c.apart * u, group = p_.reduced ? 0 : channel_;
    const int64_t at = ((image_ * down_ + i) * across_ + j) * groups_ + group;
    const int64_t begin = c.first_seen(u), end = c.end_seen(u + 1);
    if (begin >= end) return;
    const T* from = arrays_.upstream + at * window_ + (v - rows.begin(m)) * c.window - c.begin(u);
    copy_run(to + begin - low, from + begin, end - begin);
    // Of the next row of places; runs are too far apart for the hardware prefetcher.
    prefetch(from + begin + c.window, 1, 0, least(end - begin, kMostPrefetched));
  }

  // What is compared with a patch that is not finite has a gradient that is not. The products, in which zeros stand for
  // such patches, would give it to the neighbors as well.
  void spoil(int64_t position, int64_t place) {
    for (int64_t i = 0; i < channels_; ++i) {
      const bool bad_x = here_.bad_x[position * channels_ + i] > 0, bad_y = here_.bad_y[place * channels_ + i] > 0;
      for (int64_t k = i * N_; k < (i + 1) * N_; ++k) {
        if (bad_y) here_.to_x[position * stride_ + k] = T(__builtin_nan(""));
        if (bad_x) here_.to_y[place * stride_ + k] = T(__builtin_nan(""));
      }
    }
  }

  void finish_x(const T* image, T* dweights) {
    each_class(p_.rows, [&](const Class& rows) {
      each_run_of_x(rows, [&](int64_t place, int64_t first, int64_t count) {
        for (int64_t i = 0; i < channels_; ++i) {
          here_.x.read(image, channel_ + i, place, count);
          for (int64_t row = 0; row < count; ++row) {
            const int64_t m = first + row;
            if (!same() && rows.first_seen(m) >= rows.end_seen(m + 1)) continue;
            each_position(rows, m, [&](int64_t at, int64_t column) {
              copy_run(here_.to_row + column * N_, here_.to_x + at * stride_ + i * N_, N_);
            });
            const T sum = here_.x.add_gradient(row, here_.to_row, N_, here_.touched_x, weight(i), plane_of_x(i));
            if (dweights != nullptr) dweights[i] += sum;
          }
        }
      });
    });
  }

  static constexpr int64_t kMostPrefetched = 256;
  const AnyProblem& p_;
  const AnyArrays<T>& arrays_;
  AnyGradientScratch<T>& here_;
  const int64_t N_, stride_, down_, across_, groups_, window_;
  int64_t image_ = 0, channel_ = 0, channels_ = 0;
  bool any_bad_x_ = false, any_bad_y_ = false;
};

template <typename T>
void any_gradient(const AnyProblem& p, const AnyArrays<T>& arrays, int64_t begin, int64_t end) {
  Arena<T> arena(arrays.scratch);
  AnyGradientScratch<T> here(p, arena);
  AnyGradient<T> gradient(p, arrays, here);
  const int64_t apart = images_apart(p);
  for (int64_t item = begin; item < end; ++item) {
    const int64_t image = item / arrays.chunks, chunk = item % arrays.chunks;
    const int64_t first = chunk * p.channels / arrays.chunks, last = (chunk + 1) * p.channels / arrays.chunks;
    gradient.run(image, apart == 1 ? p.batch() : image + 1, first, last - first);
  }
}

}  // namespace
}  // namespace cpu
}  // namespace tfnxc

#endif  // TFNXC_CPU_ANY_GRADIENT_H_
