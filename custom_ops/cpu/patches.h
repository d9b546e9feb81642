// Normalized patches of one channel of one image (SPEC section 1), and their gradients.
#ifndef TFNXC_CPU_PATCHES_H_
#define TFNXC_CPU_PATCHES_H_

#include "cpu/padded_channel.h"
#include "cpu/scratch_memory.h"
#include "cpu/simd.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cpu {
namespace {

template <typename T>
struct Numbers;
template <>
struct Numbers<float> {
  static constexpr float kPrecision = __FLT_EPSILON__, kMost = __FLT_MAX__;
  // Sums of squares below it have lost digits, which matter unless epsilon, times kMapScale, is as large.
  static constexpr float kLeastSquares = 1e-30f, kLargeEpsilon = 5e-12f;
};
template <>
struct Numbers<double> {
  static constexpr double kPrecision = __DBL_EPSILON__, kMost = __DBL_MAX__;
  static constexpr double kLeastSquares = 1e-290, kLargeEpsilon = 1e-136;
};

// The patches centred on some rows of a map. Those of y also have centres in the halo that search windows reach.
template <typename T>
class Patches {
 public:
  enum class Of { kX, kY };
  // kByPatch: [patch][N, zero-padded to whole vectors], for products that sum over patches.
  // kByPixel: [N][patch], for products that sum over the N pixels of a patch.
  enum Layout { kByPatch = 1, kByPixel = 2, kBoth = 3 };

  // `backward`: whether through_normalization will be called.
  Patches(const Problem& p, Of map, Layout layout, bool backward, int64_t most_rows, Arena<T>& arena)
      : p_(p),
        halo_rows_(map == Of::kY ? p.halo_rows() : 0),
        halo_columns_(map == Of::kY ? p.halo_columns() : 0),
        columns_(p.width + 2 * halo_columns_),
        plane_width_(columns_ + p.patch_width - 1),
        stride_(padded<T>(p.patch())),
        most_patches_(most_rows * columns_ + kLanes<T>),
        share_(T(1) / T(p.patch())),
        unbiased_share_(T(1) / T(p.patch() - 1)),
        epsilon_(T(p.epsilon * kMapScale)),
        layout_(layout) {
    plane_ = arena.take((most_rows + p.patch_height - 1) * plane_width_);
    offset_ = arena.take(most_patches_);
    scale_ = arena.take(most_patches_);
    second_ = backward ? arena.take(most_patches_) : nullptr;
    by_patch_ = layout & kByPatch ? arena.take(most_patches_ * stride_) : nullptr;
    by_pixel_ = layout & kByPixel ? arena.take(most_patches_ * p.patch()) : nullptr;
    // Elements past the last patch are used in computations whose results are discarded. Denormals would be slow.
    if (by_pixel_ != nullptr) clear(by_pixel_, most_patches_ * p.patch());
  }

  int64_t columns() const { return columns_; }
  int64_t stride() const { return stride_; }
  int64_t pixel_stride() const { return most_patches_; }
  const T* by_patch(int64_t row, int64_t column) const { return by_patch_ + (row * columns_ + column) * stride_; }
  const T* by_pixel(int64_t row, int64_t column) const { return by_pixel_ + row * columns_ + column; }

  // Reads the patches of `rows` rows of one channel of `image`, beginning with the row `first`.
  void read(const T* image, int64_t channel, int64_t first, int64_t rows) {
    read_padded_channel(p_, image, channel, first - halo_rows_ - p_.patch_height / 2, rows + p_.patch_height - 1,
                        halo_columns_ + p_.patch_width / 2, plane_width_, plane_, T(kMapScale));
    // The paper's patch width is a constant, so that the compiler can unroll the loops.
    p_.patch_width == 5 ? normalize<5>(rows) : normalize<0>(rows);
  }

  // From the gradient of `count` normalized patches from `first` on, laid out by patch, to that of their pixels, laid
  // out by pixel. Whole vectors of patches are read and written.
  //
  // With A_i = sum over the window of G * Y^_i, the gradient of SPEC section 1 does not need the scores, because
  // sum(G * ncc) = sum_j X^_j A_j:
  //   dX_i = 1 / (sqrt(N - 1) S) * [ A_i - X^_i * S / s * sum_j X^_j A_j ],     second term = 0 where s = 0
  void through_normalization(const T* gradient, int64_t first, int64_t count, T* pixels) const {
    p_.patch() == 25 ? through<25>(gradient, first, count, pixels) : through<0>(gradient, first, count, pixels);
  }

 protected:
  template <int kWidth>
  void normalize(int64_t rows) {
    const bool paper = p_.patch_height == kWidth;
    for (int64_t row = 0; row < rows; ++row) sum_up<kWidth>(row);
    if (!take_roots(rows * columns_)) {
      for (int64_t row = 0; row < rows; ++row) describe_by_largest(row);
    }
    describe(rows * columns_);
    for (int64_t row = 0; row < rows; ++row) {
      if (layout_ & kByPatch) paper ? normalize_by_patch<kWidth>(row) : normalize_by_patch<0>(row);
      if (layout_ & kByPixel) normalize_by_pixel<kWidth>(row);
    }
  }

  // From the corner of a patch to its centre. Statistics are those of the differences from the centre: exact where
  // pixels are nearly alike, and 0 where they are alike, however large they are.
  int64_t centre() const { return p_.patch_height / 2 * plane_width_ + p_.patch_width / 2; }

  // Means and sums of squared deviations of a row of patches, one vector of patches at a time. Vectors reach into the
  // next row, which is written later. `take_roots` and `describe` replace both.
  template <int kWidth>
  void sum_up(int64_t row) {
    const int64_t patch_height = p_.patch_height, patch_width = kWidth ? kWidth : p_.patch_width;
    const int64_t plane_width = plane_width_, to_centre = centre();
    for (int64_t column = 0; column < columns_; column += kLanes<T>) {
      const T* corner = plane_ + row * plane_width + column;
      const Vector<T> centre = load(corner + to_centre);
      Vector<T> mean{}, squares{};
      // A separate sum for each row of the patch, so that its additions do not depend on those of other rows.
      for (int64_t down = 0; down < patch_height; ++down) {
        Vector<T> of_row{};
        for (int64_t right = 0; right < patch_width; ++right) {
          of_row += load(corner + down * plane_width + right) - centre;
        }
        mean += of_row;
      }
      mean *= share_;
      for (int64_t down = 0; down < patch_height; ++down) {
        Vector<T> of_row{};
        for (int64_t right = 0; right < patch_width; ++right) {
          const Vector<T> deviation = load(corner + down * plane_width + right) - centre - mean;
          of_row += deviation * deviation;
        }
        squares += of_row;
      }
      store(offset_ + row * columns_ + column, mean);
      store(scale_ + row * columns_ + column, squares);
    }
  }

  // Replaces the sums of squares by s. Returns whether no square was too large, nor too small beside epsilon.
  bool take_roots(int64_t patches) {
    const T least = epsilon_ < Numbers<T>::kLargeEpsilon ? Numbers<T>::kLeastSquares : T(-1);
    const T unbiased_share = unbiased_share_;
    Vector<T> beyond{};
    for (int64_t patch = 0; patch < patches; patch += kLanes<T>) {
      const Vector<T> squares = load(scale_ + patch);
      Vector<T> beyond_here = squares > least ? Vector<T>{} : all(T(1));
      beyond_here = squares <= Numbers<T>::kMost ? beyond_here : all(T(1));
      // What lies behind the last patch is anything, and must not decide how the patches are described.
      for (int64_t lane = patches - patch; lane < kLanes<T>; ++lane) beyond_here[lane] = 0;
      beyond += beyond_here;
      store(scale_ + patch, square_roots<T>(squares * unbiased_share));
    }
    T count = 0;
    for (int64_t lane = 0; lane < kLanes<T>; ++lane) count += beyond[lane];
    return count == 0;
  }

  // The means and s of a row of patches, whose squares may be too large or too small: relative to the largest
  // difference.
  void describe_by_largest(int64_t row) {
    for (int64_t column = 0; column < columns_; ++column) {
      const T* corner = plane_ + row * plane_width_ + column;
      const T centre = corner[this->centre()], mean = offset_[row * columns_ + column];
      T largest = 0, squares = 0;
      each_pixel(corner, [&](T pixel) {
        const T size = __builtin_fabs(pixel - centre - mean);
        largest = size > largest ? size : largest;
      });
      const T unit = largest > 0 ? largest : T(1);
      each_pixel(corner, [&](T pixel) {
        const T share = (pixel - centre - mean) / unit;
        squares += share * share;
      });
      scale_[row * columns_ + column] = unit * T(__builtin_sqrt(squares * unbiased_share_));
    }
  }

  template <typename Visit>
  void each_pixel(const T* corner, Visit visit) const {
    for (int64_t down = 0; down < p_.patch_height; ++down) {
      for (int64_t right = 0; right < p_.patch_width; ++right) visit(corner[down * plane_width_ + right]);
    }
  }

  // From the means and s, computes what normalizes a pixel, (pixel - centre) * scale + offset, and a factor of the
  // gradient's second term. Normalized patches are divided by sqrt(N - 1) too, so that their products are the scores.
  void describe(int64_t patches) {
    const T epsilon = epsilon_, root = T(__builtin_sqrt(unbiased_share_));
    const T margin = 1 + (2 + T(p_.patch()) / 4) * Numbers<T>::kPrecision;
    for (int64_t patch = 0; patch < patches; patch += kLanes<T>) {
      const Vector<T> s = load(scale_ + patch), with_epsilon = s + epsilon;
      // Beside a large s epsilon is lost, and the rounding of N products must not take the correlation beyond 1.
      const Vector<T> least = s * margin, S = with_epsilon < least ? least : with_epsilon;
      const Vector<T> scale = root / S;
      store(scale_ + patch, scale);
      store(offset_ + patch, -load(offset_ + patch) * scale);
      if (second_ == nullptr) continue;
      // X^ is divided by S, as in the published gradient. The exact one divides by s, and drops the term where s = 0.
      // A ratio beyond all numbers meets an X^ of 0.
      const Vector<T> ratio = S / s, finite = ratio > Numbers<T>::kMost ? all(Numbers<T>::kMost) : ratio;
      store(second_ + patch, p_.published ? all(T(1)) : s == 0 ? Vector<T>{} : finite);
    }
  }

  // Stores whole vectors, which may contain parts of several rows of a patch: stores that overlap or cross cache lines
  // are slow.
  template <int kSide>
  void normalize_by_patch(int64_t row) {
    const int64_t patch_height = kSide ? kSide : p_.patch_height, patch_width = kSide ? kSide : p_.patch_width;
    const int64_t stride = kSide ? padded<T>(kSide * kSide) : stride_, plane_width = plane_width_, columns = columns_;
    const T *offsets = offset_ + row * columns, *scales = scale_ + row * columns;
    const int64_t to_centre = centre();
    T* patch = by_patch_ + row * columns * stride;
    for (int64_t column = 0; column < columns; ++column, patch += stride) {
      const T* corner = plane_ + row * plane_width + column;
      const Vector<T> centre = all(corner[to_centre]), offset = all(offsets[column]), scale = all(scales[column]);
#pragma GCC unroll 7
      for (int64_t k = 0; k < stride; k += kLanes<T>) {
        const int64_t end = least(patch_height, (k + kLanes<T> - 1) / patch_width + 1);
        Vector<T> value{};
#pragma GCC unroll 5
        for (int64_t down = k / patch_width; down < end; ++down) {
          const int64_t lane = down * patch_width - k;  // of the first pixel of this row
          const Vector<T> of_row = (load(corner + down * plane_width - lane) - centre) * scale + offset;
          value = with_lanes<T>(value, of_row, lane, lane + patch_width);
        }
        store(patch + k, value);
      }
    }
  }

  template <int kWidth>
  void normalize_by_pixel(int64_t row) {
    const int64_t patch_height = p_.patch_height, patch_width = kWidth ? kWidth : p_.patch_width, columns = columns_;
    const int64_t plane_width = plane_width_, pixel_stride = most_patches_, to_centre = centre();
    for (int64_t column = 0; column < columns; column += kLanes<T>) {
      const int64_t patch = row * columns + column;
      const T* from = plane_ + row * plane_width + column;
      const Vector<T> centre = load(from + to_centre), offset = load(offset_ + patch), scale = load(scale_ + patch);
      T* to = by_pixel_ + patch;
      for (int64_t down = 0; down < patch_height; ++down, from += plane_width) {
        for (int64_t right = 0; right < patch_width; ++right, to += pixel_stride) {
          store(to, (load(from + right) - centre) * scale + offset);
        }
      }
    }
  }

  template <int kPixels>
  void through(const T* gradient, int64_t first, int64_t count, T* pixels) const {
    const int64_t N = kPixels ? kPixels : p_.patch(), pixel_stride = most_patches_;
    for (int64_t patch = first; patch < first + count; patch += kLanes<T>, gradient += kLanes<T> * stride_) {
      const T* normalized = by_pixel_ + patch;
      T* to = pixels + patch;
      transpose<T>(gradient, stride_, N, to, pixel_stride);
      // Five independent sums, to hide the latency of additions.
      Vector<T> products[5]{};
      int64_t k = 0;
      for (; k + 5 <= N; k += 5) {
#pragma GCC unroll 5
        for (int i = 0; i < 5; ++i) {
          products[i] += load(to + (k + i) * pixel_stride) * load(normalized + (k + i) * pixel_stride);
        }
      }
      for (; k < N; ++k) products[0] += load(to + k * pixel_stride) * load(normalized + k * pixel_stride);
      const Vector<T> total = products[0] + products[1] + (products[2] + products[3] + products[4]);
      const Vector<T> weight = total * load(second_ + patch), scale = load(scale_ + patch) * T(kMapScale);
      for (k = 0; k < N; ++k) {
        T* at = to + k * pixel_stride;
        store(at, (load(at) - load(normalized + k * pixel_stride) * weight) * scale);
      }
    }
  }

  const Problem& p_;
  const int64_t halo_rows_, halo_columns_, columns_, plane_width_, stride_, most_patches_;
  const T share_, unbiased_share_;  // 1 / N, 1 / (N - 1)
  const T epsilon_;                 // times kMapScale, as are the pixels of the plane
  const Layout layout_;
  T *plane_, *offset_, *scale_, *second_, *by_patch_, *by_pixel_;
};

// Gradients of the patches of one channel of one image, laid out by pixel, and the adjoint of extracting patches: the
// gradient of a pixel is the sum of its entries in all patches that contain it.
template <typename T>
class Fold {
 public:
  Fold(const Problem& p, const Patches<T>& patches, int64_t halo_rows, int64_t halo_columns, Arena<T>& arena)
      : p_(p),
        rows_(p.height + 2 * halo_rows),
        columns_(patches.columns()),
        stride_(patches.pixel_stride()),
        first_row_(halo_rows + p.patch_height / 2),
        first_column_(halo_columns + p.patch_width / 2),
        // Vectors of neighboring patches reach half a patch beyond both ends.
        margin_(padded<T>(p.patch_width / 2)) {
    T* start = arena.take(p.patch() * stride_ + 2 * margin_);
    patches_ = start == nullptr ? nullptr : start + margin_;
  }

  T* patches() const { return patches_; }

  // Writes one channel of the gradient of the image.
  void write(T* image, int64_t channel) const {
    p_.patch_width == 5 ? write_sums<5>(image, channel) : write_sums<0>(image, channel);
  }

 private:
  template <int kWidth>
  void write_sums(T* image, int64_t channel) const {
    constexpr int kTogether = kWidth ? kWidth : 1;
    const int64_t width = p_.width, patch_width = kWidth ? kWidth : p_.patch_width, channels = p_.channels;
    for (int64_t y = 0; y < p_.height; ++y) {
      // The row of the patch that has this pixel in its top row. The patch that has it `down` rows further down is that
      // many rows higher.
      const int64_t row = y + first_row_;
      const int64_t begin = row < rows_ ? 0 : row - rows_ + 1, end = least(p_.patch_height, row + 1);
      for (int64_t x = 0; x < width; x += kLanes<T>) {
        Vector<T> total{};
        for (int64_t first = 0; first < patch_width; first += kTogether) {
          const int64_t column = x + first_column_ - first;
          const T* from = patches_ + first * stride_ + row * columns_ + column;
          Vector<T> of_column[kTogether]{};
          for (int64_t down = begin; down < end; ++down) {
#pragma GCC unroll 5
            for (int i = 0; i < kTogether; ++i) {
              of_column[i] += load(from + down * (patch_width * stride_ - columns_) + i * (stride_ - 1));
            }
          }
#pragma GCC unroll 5
          for (int i = 0; i < kTogether; ++i) {
            total += with_lanes<T>(Vector<T>{}, of_column[i], i - column, columns_ - column + i);
          }
        }
        T* to = image + (y * width + x) * channels + channel;
        for (int64_t lane = 0; lane < least(kLanes<T>, width - x); ++lane) to[lane * channels] = total[lane];
      }
    }
  }

  const Problem& p_;
  const int64_t rows_, columns_, stride_, first_row_, first_column_, margin_;
  T* patches_;
};

}  // namespace
}  // namespace cpu
}  // namespace tfnxc

#endif  // TFNXC_CPU_PATCHES_H_
