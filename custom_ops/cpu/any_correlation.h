// Normalized correlation of any geometry.
#ifndef TFNXC_CPU_ANY_CORRELATION_H_
#define TFNXC_CPU_ANY_CORRELATION_H_

#include "cpu/any_axis.h"
#include "cpu/grid_patches.h"
#include "cpu/position_block.h"
#include "cpu/scratch_memory.h"
#include "cpu/simd.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cpu {
namespace {

// Calls visit(first place, index of the first, count) for `count` places in runs that can be read at once.
template <typename Visit>
inline void each_run(int64_t first, int64_t step, int64_t begin, int64_t end, Visit visit) {
  const int64_t together = step == 1 ? kBlockRows : 1;
  for (int64_t v = begin; v < end; v += together) visit(first + step * v, v, least(together, end - v));
}

// Tiles of positions of a row of one class of columns.
template <typename Visit>
inline void each_tile(const Class& columns, int64_t most_positions, Visit visit) {
  for (int64_t first = 0; first < columns.count; first += most_positions) {
    const int64_t end = least(columns.count, first + most_positions);
    visit(first, end - first, columns.first_seen(first), columns.end_seen(end));
  }
}

// The products of a block of positions with some rows of their windows, one group at a time.
template <typename T>
struct AnyForwardScratch {
  AnyForwardScratch(const AnyProblem& problem, Arena<T>& arena)
      : p(problem),
        map_of_x(problem_of(p, false)),
        map_of_y(problem_of(p, true)),
        tile(p.columns),
        together((p.channels + fewest_chunks(p) - 1) / fewest_chunks(p)),
        steps(together * p.patch()),
        places(padded<T>(p.columns.grid(p.columns.y) + 2 * p.columns.halo())),
        tiled(p.columns.positions()),
        window_rows(between(1, kMostScores / (kBlockRows * tiled * tile.stride), p.rows.window_size())),
        x(p, map_of_x, false, false, kBlockRows, arena),
        y(p, map_of_y, true, false, kBlockRows, arena),
        x_rows(arena.take(kBlockRows * tiled * steps)),
        y_rows(arena.take(kBlockRows * steps * places)),
        nothing(arena.take(kBlockRows * tiled)),
        scores(arena.take(kBlockRows * window_rows * tiled * tile.stride)) {}

  static constexpr int64_t kMostScores = (int64_t{1} << 21) / sizeof(T);
  const AnyProblem& p;
  const Problem map_of_x, map_of_y;
  const ColumnTile<T> tile;
  const int64_t together, steps, places, tiled, window_rows;
  GridPatches<T> x, y;
  T* x_rows;   // [row][columns in tiles][step][position of the tile]
  T* y_rows;   // [row][step][places, those of a class together]
  T* nothing;  // [row][column in classes]: the product with a patch of zeros, NaN of what is not finite
  T* scores;   // [row][row of the window][column in classes][tile.stride]
};

template <typename T>
class AnyForward {
 public:
  AnyForward(const AnyProblem& p, const AnyArrays<T>& arrays, AnyForwardScratch<T>& here)
      : p_(p), arrays_(arrays), here_(here), row_(p.rows.window_size()), column_(p.columns.window_size()) {}

  // The positions [begin, end) of a class of rows.
  void run(int64_t image, const Class& rows, int64_t begin, int64_t end) {
    rows_ = &rows;
    begin_ = begin;
    end_ = end;
    image_ = image;
    for (int64_t r = 0; r < row_; r += here_.window_rows) {
      first_row_ = r;
      end_row_ = least(row_, r + here_.window_rows);
      const int64_t of_group = p_.reduced ? p_.channels : 1;
      for (int64_t group = 0; group < p_.groups(); ++group) {
        const int64_t first = group * of_group, last = first + of_group;
        for (int64_t channel = first; channel < last; channel += here_.together) {
          compare(channel, least(here_.together, last - channel), channel > first);
        }
        write(group);
      }
    }
  }

 private:
  template <typename Visit>
  void each_class(Visit visit) const {
    for (int64_t number = 0; number < classes_of(p_.columns); ++number) visit(class_of(p_.columns, number));
  }

  // Adds the products of some channels to the scores.
  void compare(int64_t channel, int64_t channels, bool add) {
    read_x(channel, channels, add);
    const int64_t N = p_.patch(), steps = channels * N, stride = here_.tile.stride;
    const T* image = arrays_.y + (p_.y_batch == 1 ? 0 : image_) * p_.rows.y * p_.columns.y * p_.channels;
    const int64_t begin = between(0, rows_->begin(begin_) + first_row_, rows_->places);
    const int64_t end = between(0, rows_->begin(end_ - 1) + end_row_, rows_->places);
    each_run(rows_->place, rows_->step, begin, end, [&](int64_t place, int64_t first, int64_t count) {
      for (int64_t i = 0; i < channels; ++i) {
        here_.y.read(image, channel + i, place, count);
        for (int64_t row = 0; row < count; ++row) {
          pack_y(row, here_.y_rows + (row * steps + i * N) * here_.places);
        }
      }
      for (int64_t row = 0; row < count; ++row) {
        const T* of_y = here_.y_rows + row * steps * here_.places;
        for (int64_t m = begin_; m < end_; ++m) {
          const int64_t r = first + row - rows_->begin(m);
          if (r < first_row_ || r >= end_row_) continue;
          T* to = scores_of(m, r);
          const T* of_x = here_.x_rows + (m - begin_) * here_.tiled * steps;
          int64_t before = 0;
          each_class([&](const Class& c) {
            each_tile(c, here_.tile.positions, [&](int64_t u, int64_t positions, int64_t low, int64_t high) {
              const int64_t at = c.before + u;
              product<T, true>(positions, high - low, steps, {of_x + at * steps, 1, positions},
                               {of_y + before + low, 0, here_.places}, to + at * stride, stride, add);
            });
            before += c.places;
          });
        }
      }
    });
  }

  void read_x(int64_t channel, int64_t channels, bool add) {
    const int64_t N = p_.patch(), steps = channels * N, step = p_.rows.stride;
    const T* image = arrays_.x + (p_.x_batch == 1 ? 0 : image_) * p_.rows.x * p_.columns.x * p_.channels;
    if (!add) clear(here_.nothing, (end_ - begin_) * here_.tiled);
    each_run(rows_->first * step, rows_->apart * step, begin_, end_, [&](int64_t place, int64_t m, int64_t count) {
      for (int64_t i = 0; i < channels; ++i) {
        here_.x.read(image, channel + i, place, count);
        const T weight = p_.reduced ? arrays_.weights[channel + i] : T(1);
        for (int64_t row = 0; row < count; ++row) {
          pack_x(row, m + row - begin_, i * N, steps, weight);
        }
      }
    });
  }

  void pack_x(int64_t row, int64_t m, int64_t step, int64_t steps, T weight) {
    const int64_t N = p_.patch(), across = p_.columns.stride;
    each_class([&](const Class& c) {
      each_tile(c, here_.tile.positions, [&](int64_t u, int64_t positions, int64_t, int64_t) {
        T* to = here_.x_rows + (m * here_.tiled + c.before + u) * steps + step * positions;
        const int64_t apart = c.apart * across;
        const int64_t column = here_.x.first_column() + (c.first + c.apart * u) * across;
        for (int64_t k = 0; k < N; ++k, to += positions) {
          const T* from = here_.x.by_pixel(row, k) + column;
          for (int64_t i = 0; i < positions; ++i) to[i] = from[i * apart] * weight;
        }
        T* nothing = here_.nothing + m * here_.tiled + c.before + u;
        for (int64_t i = 0; i < positions; ++i) nothing[i] += 0 * to[i - positions];
      });
    });
  }

  void pack_y(int64_t row, T* to) {
    each_class([&](const Class& c) {
      for (int64_t k = 0; k < p_.patch(); ++k) {
        const T* from = here_.y.by_pixel(row, k) + here_.y.first_column() + c.place;
        T* of_class = to + k * here_.places;
        if (c.step == 1) {
          __builtin_memcpy(of_class, from, c.places * sizeof(T));
        } else {
          for (int64_t v = 0; v < c.places; ++v) of_class[v] = from[v * c.step];
        }
      }
      to += c.places;
    });
  }

  // Of the position `m` of the block, in the row `r` of the window.
  T* scores_of(int64_t m, int64_t r) const {
    return here_.scores +
           ((m - begin_) * here_.window_rows + r - first_row_) * here_.tiled * here_.tile.stride;
  }

  // Each position's own of the products, and what places have that the map does not have.
  void write(int64_t group) const {
    const int64_t across = p_.columns.positions();
    const bool same = p_.rows.padding == Padding::kSame;
    for (int64_t m = begin_; m < end_; ++m) {
      const int64_t i = rows_->first + rows_->apart * m;
      T* to_row = arrays_.out + (((image_ * p_.rows.positions() + i) * across) * p_.groups() + group) * p_.window();
      each_class([&](const Class& c) {
        each_tile(c, here_.tile.positions, [&](int64_t u, int64_t positions, int64_t low, int64_t) {
          for (int64_t position = u; position < u + positions; ++position) {
            const int64_t at = c.before + position, start = c.begin(position);
            const int64_t begin = between(0, -start, column_), end = between(begin, c.places - start, column_);
            const T outside = same ? here_.nothing[(m - begin_) * here_.tiled + at] : T(0);
            T* to = to_row + (c.first + c.apart * position) * p_.groups() * p_.window() + first_row_ * column_;
            for (int64_t r = first_row_; r < end_row_; ++r, to += column_) {
              const int64_t v = rows_->begin(m) + r;
              const bool there = 0 <= v && v < rows_->places && begin < end;
              const int64_t from = there ? begin : column_, until = there ? end : column_;
              for (int64_t k = 0; k < from; ++k) to[k] = outside;
              if (there) {
                const T* scores = scores_of(m, r) + at * here_.tile.stride + start - low;
                copy_run(to + from, scores + from, until - from);
              }
              for (int64_t k = until; k < column_; ++k) to[k] = outside;
            }
          }
        });
      });
    }
  }

  const AnyProblem& p_;
  const AnyArrays<T>& arrays_;
  AnyForwardScratch<T>& here_;
  const int64_t row_, column_;  // sizes of the window
  const Class* rows_ = nullptr;
  int64_t image_ = 0, begin_ = 0, end_ = 0, first_row_ = 0, end_row_ = 0;
};

template <typename T>
void any_forward(const AnyProblem& p, const AnyArrays<T>& arrays, int64_t begin, int64_t end) {
  Arena<T> arena(arrays.scratch);
  AnyForwardScratch<T> here(p, arena);
  AnyForward<T> forward(p, arrays, here);
  const int64_t positions = p.rows.positions(), classes = classes_of(p.rows);
  for (int64_t item = begin; item < end; ++item) {
    const int64_t image = item / arrays.row_blocks, block = item % arrays.row_blocks;
    // Rows in the order of their classes.
    const int64_t first = block * positions / arrays.row_blocks, last = (block + 1) * positions / arrays.row_blocks;
    for (int64_t number = 0; number < classes; ++number) {
      const Class rows = class_of(p.rows, number);
      const int64_t from = most(0, first - rows.before), until = least(rows.count, last - rows.before);
      if (from < until) forward.run(image, rows, from, until);
    }
  }
}

}  // namespace
}  // namespace cpu
}  // namespace tfnxc

#endif  // TFNXC_CPU_ANY_CORRELATION_H_
