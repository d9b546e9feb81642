// SPEC sections 1 and 2, written the naive way in double: the reference for tests of the kernels.
#ifndef TFNXC_TESTS_ORACLE_H_
#define TFNXC_TESTS_ORACLE_H_

#include <math.h>

#include <vector>

#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace oracle {

using Numbers = std::vector<double>;

// A zero-padded patch of one channel, centred anywhere, and its deviation.
struct Patch {
  Patch(const Problem& p, const Numbers& maps, int64_t image, int64_t row, int64_t column, int64_t channel) {
    for (int64_t i = row - p.patch_height / 2; i <= row + p.patch_height / 2; ++i) {
      for (int64_t j = column - p.patch_width / 2; j <= column + p.patch_width / 2; ++j) {
        const bool inside = 0 <= i && i < p.height && 0 <= j && j < p.width;
        const int64_t pixel = inside ? ((image * p.height + i) * p.width + j) * p.channels + channel : -1;
        pixels.push_back(pixel);
        values.push_back(inside ? maps[pixel] : 0.0);
      }
    }
    double mean = 0, squares = 0;
    const double centre = values[values.size() / 2];
    for (double& value : values) mean += (value -= centre) / values.size();
    for (double& value : values) {
      value -= mean;
      squares += value * value;
    }
    s = sqrt(squares / (values.size() - 1));
    S = s + p.epsilon;
  }
  std::vector<int64_t> pixels;
  Numbers values;  // centred
  double s, S;
};

inline double ncc(const Patch& X, const Patch& Y) {
  double products = 0;
  for (size_t i = 0; i < X.values.size(); ++i) products += X.values[i] * Y.values[i];
  return products / ((X.values.size() - 1) * X.S * Y.S);
}

// Adds the gradient of G * ncc(X, Y) with respect to the pixels of X.
inline void add_gradient(const Problem& p, const Patch& X, const Patch& Y, double G, Numbers* dx) {
  const double score = ncc(X, Y), divisor = p.published ? X.S : X.s;
  for (size_t i = 0; i < X.values.size(); ++i) {
    if (X.pixels[i] < 0) continue;
    const double second = X.s == 0 ? 0 : score * X.values[i] / divisor;
    (*dx)[X.pixels[i]] += G * (Y.values[i] / Y.S - second) / ((X.values.size() - 1) * X.S);
  }
}

// Calls visit(index of the output, X, Y) for every position and window position.
template <typename Visit>
void compare(const Problem& p, const Numbers& x, const Numbers& y, Visit visit) {
  const int64_t columns = p.window_columns();
  for (int64_t image = 0; image < p.batch; ++image) {
    for (int64_t i = 0; i < p.height; ++i) {
      for (int64_t j = 0; j < p.width; ++j) {
        for (int64_t channel = 0; channel < p.channels; ++channel) {
          const Patch X(p, x, image, i, j, channel);
          for (int64_t row = 0; row < p.rows; ++row) {
            for (int64_t column = 0; column < columns; ++column) {
              const Patch Y(p, y, image, i - p.rows / 2 + row, p.columns == 0 ? column : j - columns / 2 + column,
                            channel);
              const int64_t position = (image * p.height + i) * p.width + j;
              visit(position * p.maps() + (channel * p.rows + row) * columns + column, X, Y);
            }
          }
        }
      }
    }
  }
}

inline Numbers forward(const Problem& p, const Numbers& x, const Numbers& y) {
  Numbers out(p.batch * p.pixels() * p.maps());
  compare(p, x, y, [&](int64_t index, const Patch& X, const Patch& Y) { out[index] = ncc(X, Y); });
  return out;
}

inline void gradient(const Problem& p, const Numbers& x, const Numbers& y, const Numbers& upstream, Numbers* dx,
                     Numbers* dy) {
  dx->assign(x.size(), 0);
  dy->assign(y.size(), 0);
  compare(p, x, y, [&](int64_t index, const Patch& X, const Patch& Y) {
    add_gradient(p, X, Y, upstream[index], dx);
    add_gradient(p, Y, X, upstream[index], dy);
  });
}

// The 1x1 convolution of the ReLU of `scores`.
inline Numbers summary_of(const Problem& p, const Numbers& scores, const Numbers& kernel, const Numbers& bias) {
  Numbers out(p.batch * p.pixels() * p.filters);
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t position = i / p.filters, filter = i % p.filters;
    out[i] = bias[filter];
    for (int64_t map = 0; map < p.maps(); ++map) {
      const double score = scores[position * p.maps() + map];
      out[i] += (score < 0 ? 0 : score) * kernel[map * p.filters + filter];
    }
  }
  return out;
}

inline void gradient_of_summary(const Problem& p, const Numbers& scores, const Numbers& kernel, const Numbers& upstream,
                                Numbers* of_scores, Numbers* dkernel, Numbers* dbias) {
  of_scores->assign(scores.size(), 0);
  dkernel->assign(kernel.size(), 0);
  dbias->assign(p.filters, 0);
  for (int64_t position = 0; position < p.batch * p.pixels(); ++position) {
    for (int64_t filter = 0; filter < p.filters; ++filter) {
      const double G = upstream[position * p.filters + filter];
      (*dbias)[filter] += G;
      for (int64_t map = 0; map < p.maps(); ++map) {
        const double score = scores[position * p.maps() + map];
        if (score > 0) (*of_scores)[position * p.maps() + map] += G * kernel[map * p.filters + filter];
        (*dkernel)[map * p.filters + filter] += G * (score < 0 ? 0 : score);
      }
    }
  }
}

inline Numbers summary(const Problem& p, const Numbers& x, const Numbers& y, const Numbers& kernel,
                       const Numbers& bias) {
  return summary_of(p, forward(p, x, y), kernel, bias);
}

inline void summary_gradient(const Problem& p, const Numbers& x, const Numbers& y, const Numbers& kernel,
                             const Numbers& upstream, Numbers* dx, Numbers* dy, Numbers* dkernel, Numbers* dbias) {
  Numbers of_scores;
  gradient_of_summary(p, forward(p, x, y), kernel, upstream, &of_scores, dkernel, dbias);
  gradient(p, x, y, of_scores, dx, dy);
}

// SPEC section 2. Calls visit(index of the output, pixel of x, pixel of y or -1 outside) for every difference.
template <typename Visit>
void subtract(const Problem& p, Visit visit) {
  const int64_t columns = p.window_columns();
  for (int64_t index = 0; index < p.batch * p.pixels() * p.maps(); ++index) {
    const int64_t position = index / p.maps(), map = index % p.maps();
    const int64_t channel = map / p.window(), row = map / columns % p.rows, column = map % columns;
    const int64_t image = position / p.pixels(), i = position / p.width % p.height, j = position % p.width;
    const int64_t of_y = i - p.rows / 2 + row, across = p.columns == 0 ? column : j - columns / 2 + column;
    const bool inside = 0 <= of_y && of_y < p.height && 0 <= across && across < p.width;
    visit(index, position * p.channels + channel,
          inside ? ((image * p.height + of_y) * p.width + across) * p.channels + channel : -1);
  }
}

inline Numbers differences(const Problem& p, const Numbers& x, const Numbers& y) {
  Numbers out(p.batch * p.pixels() * p.maps());
  subtract(p, [&](int64_t index, int64_t of_x, int64_t of_y) { out[index] = x[of_x] - (of_y < 0 ? 0 : y[of_y]); });
  return out;
}

inline void gradient_of_differences(const Problem& p, const Numbers& upstream, Numbers* dx, Numbers* dy) {
  dx->assign(p.batch * p.pixels() * p.channels, 0);
  dy->assign(dx->size(), 0);
  subtract(p, [&](int64_t index, int64_t of_x, int64_t of_y) {
    (*dx)[of_x] += upstream[index];
    if (of_y >= 0) (*dy)[of_y] -= upstream[index];
  });
}

}  // namespace oracle
}  // namespace tfnxc

#endif  // TFNXC_TESTS_ORACLE_H_
