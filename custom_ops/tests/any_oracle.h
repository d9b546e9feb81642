// The normalized correlation of any geometry, written the naive way in double: the reference for tests of the kernels.
#ifndef TFNXC_TESTS_ANY_ORACLE_H_
#define TFNXC_TESTS_ANY_ORACLE_H_

#include <math.h>

#include <algorithm>
#include <vector>

#include "tests/oracle.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace oracle {

// A patch at a place of the grid of one channel, of the pixels that take part.
struct AnyPatch {
  AnyPatch(const AnyProblem& p, const Numbers& maps, bool of_y, int64_t image, int64_t row, int64_t column,
           int64_t channel) {
    const int64_t height = of_y ? p.rows.y : p.rows.x, width = of_y ? p.columns.y : p.columns.x;
    const bool valid = p.rows.padding == Padding::kValid;
    image = (of_y ? p.y_batch : p.x_batch) == 1 ? 0 : image;
    for (int64_t k = 0; k < p.patch(); ++k) {
      const int64_t i = row - (valid ? 0 : p.rows.patch / 2) + k / p.columns.patch;
      const int64_t j = column - (valid ? 0 : p.columns.patch / 2) + k % p.columns.patch;
      const bool inside = 0 <= i && i < height && 0 <= j && j < width;
      pixels.push_back(inside ? ((image * height + i) * width + j) * p.channels + channel : -1);
      counts.push_back(inside || p.rows.padding != Padding::kMasked);
      values.push_back(inside ? maps[pixels.back()] : 0.0);
    }
    const double centre = values[values.size() / 2];
    double count = 0, mean = 0, squares = 0;
    for (size_t k = 0; k < values.size(); ++k) count += counts[k];
    for (size_t k = 0; k < values.size(); ++k) mean += counts[k] ? (values[k] - centre) / count : 0;
    for (size_t k = 0; k < values.size(); ++k) {
      values[k] = counts[k] ? values[k] - centre - mean : 0;
      squares += values[k] * values[k];
    }
    const double degrees = std::max(count - 1, 1.0);
    s = sqrt(squares / degrees);
    S = s + p.epsilon;
    root = sqrt(degrees);
    for (double& value : values) value /= root * S;
  }
  std::vector<int64_t> pixels;
  std::vector<bool> counts;
  Numbers values;  // normalized
  double s, S, root;
};

inline double product(const AnyPatch& X, const AnyPatch& Y) {
  double products = 0;
  for (size_t k = 0; k < X.values.size(); ++k) products += X.values[k] * Y.values[k];
  return products;
}

// Adds the gradient of G times the product with respect to the pixels of X.
inline void add_any_gradient(const AnyProblem& p, const AnyPatch& X, const AnyPatch& Y, double G, Numbers* dx) {
  const double score = product(X, Y);
  double count = 0, mean = 0;
  for (size_t k = 0; k < X.values.size(); ++k) count += X.counts[k];
  for (size_t k = 0; k < X.values.size(); ++k) mean += X.counts[k] ? Y.values[k] / count : 0;
  for (size_t k = 0; k < X.values.size(); ++k) {
    if (X.pixels[k] < 0) continue;
    const double second = X.s == 0 ? 0 : score * X.values[k] * (p.published ? 1 : X.S / X.s);
    (*dx)[X.pixels[k]] += G * (Y.values[k] - mean - second) / (X.root * X.S);
  }
}

// Calls visit(index of the output, channel, X, Y) for every position, channel and place that the map has.
template <typename Visit>
void compare_any(const AnyProblem& p, const Numbers& x, const Numbers& y, Visit visit) {
  const auto place = [](const Axis& axis, int64_t i, int64_t r) {
    return axis.window == 0 ? r * axis.dilation : i * axis.stride + (r - axis.window / 2) * axis.dilation;
  };
  const auto has = [](const Axis& axis, int64_t at) {
    return axis.padding == Padding::kSame || (0 <= at && at < axis.grid(axis.y));
  };
  const int64_t rows = p.rows.window_size(), columns = p.columns.window_size();
  for (int64_t at = 0; at < p.batch() * p.positions(); ++at) {
    const int64_t j = at % p.columns.positions(), i = at / p.columns.positions() % p.rows.positions();
    const int64_t image = at / p.positions();
    for (int64_t channel = 0; channel < p.channels; ++channel) {
      const AnyPatch X(p, x, false, image, i * p.rows.stride, j * p.columns.stride, channel);
      for (int64_t w = 0; w < p.window(); ++w) {
        const int64_t row = place(p.rows, i, w / columns), column = place(p.columns, j, w % columns);
        if (!has(p.rows, row) || !has(p.columns, column)) continue;
        const AnyPatch Y(p, y, true, image, row, column, channel);
        visit((at * p.groups() + (p.reduced ? 0 : channel)) * rows * columns + w, channel, X, Y);
      }
    }
  }
}

inline Numbers any_forward(const AnyProblem& p, const Numbers& x, const Numbers& y, const Numbers& weights) {
  Numbers out(p.batch() * p.positions() * p.groups() * p.window());
  compare_any(p, x, y, [&](int64_t index, int64_t channel, const AnyPatch& X, const AnyPatch& Y) {
    out[index] += (p.reduced ? weights[channel] : 1) * product(X, Y);
  });
  return out;
}

inline void any_gradient(const AnyProblem& p, const Numbers& x, const Numbers& y, const Numbers& weights,
                         const Numbers& upstream, Numbers* dx, Numbers* dy, Numbers* dweights) {
  dx->assign(x.size(), 0);
  dy->assign(y.size(), 0);
  dweights->assign(p.reduced ? p.channels : 0, 0);
  compare_any(p, x, y, [&](int64_t index, int64_t channel, const AnyPatch& X, const AnyPatch& Y) {
    const double G = upstream[index] * (p.reduced ? weights[channel] : 1);
    add_any_gradient(p, X, Y, G, dx);
    add_any_gradient(p, Y, X, G, dy);
    if (p.reduced) (*dweights)[channel] += upstream[index] * product(X, Y);
  });
}

}  // namespace oracle
}  // namespace tfnxc

#endif  // TFNXC_TESTS_ANY_ORACLE_H_
