// Normalized patches of the grid of a map, with any padding, and their gradients.
#ifndef TFNXC_CPU_GRID_PATCHES_H_
#define TFNXC_CPU_GRID_PATCHES_H_

#include "cpu/any_axis.h"
#include "cpu/patches.h"
#include "cpu/scratch_memory.h"
#include "cpu/simd.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cpu {
namespace {

// A map of a correlation of any geometry, as the patches around each of its pixels and of a halo.
inline Problem problem_of(const AnyProblem& p, bool of_y) {
  Problem one{};
  one.height = of_y ? p.rows.y : p.rows.x;
  one.width = of_y ? p.columns.y : p.columns.x;
  one.channels = p.channels;
  one.patch_height = p.rows.patch;
  one.patch_width = p.columns.patch;
  one.rows = of_y ? 2 * p.rows.halo() + 1 : 1;
  one.columns = of_y ? 2 * p.columns.halo() + 1 : 1;
  one.epsilon = p.epsilon;
  one.published = p.published;
  return one;
}

// Rows and columns are places of the grid, from that of the halo's first row or column on.
template <typename T>
class GridPatches : private Patches<T> {
  using Base = Patches<T>;
  using Base::by_patch_, Base::by_pixel_, Base::columns_, Base::halo_columns_, Base::halo_rows_, Base::most_patches_,
      Base::offset_, Base::p_, Base::plane_, Base::plane_width_, Base::scale_, Base::second_, Base::stride_;

 public:
  GridPatches(const AnyProblem& p, const Problem& map, bool of_y, bool backward, int64_t most_rows, Arena<T>& arena)
      : Base(map, of_y ? Base::Of::kY : Base::Of::kX, backward ? Base::kBoth : Base::kByPixel, backward, most_rows,
             arena),
        masked_(p.rows.padding == Padding::kMasked),
        down_(p.rows.padding == Padding::kValid ? p.rows.patch / 2 : 0),
        right_(p.rows.padding == Padding::kValid ? p.columns.patch / 2 : 0),
        pixels_(backward ? arena.take(p.patch() * kLanes<T>) : nullptr) {}

  // Of the place 0, and of all, in a row.
  int64_t first_column() const { return right_ + halo_columns_; }
  using Base::columns;
  using Base::stride;  // of by_patch
  // One pixel of all patches of a row, and one patch of N pixels. `row` is counted from the first that was read.
  const T* by_pixel(int64_t row, int64_t pixel) const { return Base::by_pixel(row, 0) + pixel * most_patches_; }
  using Base::by_patch;

  void read(const T* image, int64_t channel, int64_t first, int64_t rows) {
    first_ = first + down_ + halo_rows_;
    Base::read(image, channel, first_, rows);
    if (!masked_) return;
    const int64_t left = least(p_.patch_width / 2, columns_);
    for (int64_t row = 0; row < rows; ++row) {
      const bool whole = inside_rows(row).whole(p_.patch_height);
      for (int64_t column = 0; column < columns_; ++column) {
        if (whole && column == left) column = most(left, columns_ - p_.patch_width / 2);
        if (column < columns_) normalize_inside(row, column);
      }
    }
  }

  // The gradient of the pixels of a map, padded, in one channel: `plane_size` elements, zero at first.
  int64_t plane_size() const { return (p_.height + 2 * halo_rows_ + p_.patch_height - 1) * plane_width_; }

  // From `factor` times the gradient of the normalized patches of a row, `stride` apart, those that are `touched` (1 or
  // 0 a column), to that of their pixels, added to the plane. Returns the sum over the row of patches times gradient.
  // Patches past the end are read, as many as a vector has elements.
  T add_gradient(int64_t row, const T* gradient, int64_t stride, const T* touched, T factor, T* plane) const {
    const int64_t N = p_.patch();
    Vector<T> sum{};
    for (int64_t column = 0; column < columns_; column += kLanes<T>) {
      const int64_t patch = row * columns_ + column;
      transpose<T>(gradient + column * stride, stride, N, pixels_, kLanes<T>);
      if (masked_) project(row, column);
      const T* normalized = by_pixel_ + patch;
      Vector<T> total{};
      for (int64_t k = 0; k < N; ++k) total += load(pixels_ + k * kLanes<T>) * load(normalized + k * most_patches_);
      const Vector<T> taken = load(touched + column);
      sum += taken > 0 ? total : Vector<T>{};
      const Vector<T> weight = total * load(second_ + patch), scale = load(scale_ + patch) * T(kMapScale) * factor;
      T* to = plane + (first_ + row) * plane_width_ + column;
      const T *from = pixels_, *of_patch = normalized;
      for (int64_t down = 0; down < p_.patch_height; ++down, to += plane_width_) {
        for (int64_t right = 0; right < p_.patch_width; ++right, from += kLanes<T>, of_patch += most_patches_) {
          const Vector<T> value = (load(from) - load(of_patch) * weight) * scale;
          store(to + right, load(to + right) + (taken > 0 ? value : Vector<T>{}));
        }
      }
    }
    T all_lanes = 0;
    for (int64_t lane = 0; lane < kLanes<T>; ++lane) all_lanes += sum[lane];
    return all_lanes;
  }

  // Writes one channel of the gradient of the image.
  void write(const T* plane, T* image, int64_t channel) const {
    const T* from = plane + (halo_rows_ + p_.patch_height / 2) * plane_width_ + halo_columns_ + p_.patch_width / 2;
    for (int64_t y = 0; y < p_.height; ++y) {
      T* to = image + y * p_.width * p_.channels + channel;
      for (int64_t x = 0; x < p_.width; ++x) to[x * p_.channels] = from[y * plane_width_ + x];
    }
  }

 private:
  // The pixels [begin, end) of a patch that are inside the map, along one axis.
  struct Inside {
    Inside(int64_t centre, int64_t patch, int64_t size)
        : begin(most(0, patch / 2 - centre)), end(least(patch, size - centre + patch / 2)) {}
    bool whole(int64_t patch) const { return begin == 0 && end == patch; }
    int64_t begin, end;
  };
  Inside inside_rows(int64_t row) const { return {first_ + row, p_.patch_height, p_.height}; }
  Inside inside_columns(int64_t column) const { return {column, p_.patch_width, p_.width}; }

  template <typename Visit>
  void each_inside(int64_t row, int64_t column, Visit visit) const {
    const Inside down = inside_rows(row), right = inside_columns(column);
    for (int64_t i = down.begin; i < down.end; ++i) {
      for (int64_t j = right.begin; j < right.end; ++j) visit(i * p_.patch_width + j, i * plane_width_ + j);
    }
  }

  // Replaces a patch at the border by one of the pixels inside: mean, deviation and N are theirs.
  void normalize_inside(int64_t row, int64_t column) {
    const T *corner = plane_ + row * plane_width_ + column, centre = corner[Base::centre()];
    T count = 0, mean = 0, largest = 0, squares = 0;
    each_inside(row, column, [&](int64_t, int64_t at) {
      mean += corner[at] - centre;
      ++count;
    });
    mean /= count;
    each_inside(row, column, [&](int64_t, int64_t at) {
      const T size = __builtin_fabs(corner[at] - centre - mean);
      largest = size > largest ? size : largest;
    });
    const T unit = largest > 0 ? largest : T(1), degrees = count > 1 ? count - 1 : T(1);
    each_inside(row, column, [&](int64_t, int64_t at) {
      const T share = (corner[at] - centre - mean) / unit;
      squares += share * share;
    });
    const T s = unit * T(__builtin_sqrt(squares / degrees)), with_epsilon = s + Base::epsilon_;
    const T least_of_s = s * (1 + (2 + T(p_.patch()) / 4) * Numbers<T>::kPrecision);
    const T S = with_epsilon < least_of_s ? least_of_s : with_epsilon;
    const int64_t patch = row * columns_ + column;
    scale_[patch] = T(__builtin_sqrt(1 / degrees)) / S;
    if (second_ != nullptr) {
      const T ratio = S / s;
      second_[patch] = p_.published ? T(1) : s == 0 ? T(0) : ratio > Numbers<T>::kMost ? Numbers<T>::kMost : ratio;
    }
    for (int64_t k = 0; k < p_.patch(); ++k) put(patch, k, 0);
    each_inside(row, column,
                [&](int64_t k, int64_t at) { put(patch, k, (corner[at] - centre - mean) * scale_[patch]); });
  }

  void put(int64_t patch, int64_t k, T value) {
    by_pixel_[k * most_patches_ + patch] = value;
    if (by_patch_ != nullptr) by_patch_[patch * stride_ + k] = value;
  }

  // Of gradients laid out by pixel, takes away the mean over the pixels inside, and what is outside.
  void project(int64_t row, int64_t column) const {
    const bool whole = inside_rows(row).whole(p_.patch_height);
    for (int64_t lane = 0; lane < least(kLanes<T>, columns_ - column); ++lane) {
      const Inside right = inside_columns(column + lane);
      if (whole && right.whole(p_.patch_width)) continue;
      T count = 0, mean = 0;
      each_inside(row, column + lane, [&](int64_t k, int64_t) {
        mean += pixels_[k * kLanes<T> + lane];
        ++count;
      });
      mean /= count;
      for (int64_t k = 0; k < p_.patch(); ++k) {
        const int64_t i = k / p_.patch_width, j = k % p_.patch_width;
        const Inside down = inside_rows(row);
        const bool inside = down.begin <= i && i < down.end && right.begin <= j && j < right.end;
        T& value = pixels_[k * kLanes<T> + lane];
        value = inside ? value - mean : T(0);
      }
    }
  }

  const bool masked_;
  const int64_t down_, right_;  // from a place to the pixel around which its patch lies
  int64_t first_ = 0;           // row, of those around pixels and of the halo, that was read first
  T* pixels_;
};

}  // namespace
}  // namespace cpu
}  // namespace tfnxc

#endif  // TFNXC_CPU_GRID_PATCHES_H_
