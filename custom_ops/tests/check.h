// Runs every CPU kernel on one problem and compares it with the oracle.
#ifndef TFNXC_TESTS_CHECK_H_
#define TFNXC_TESTS_CHECK_H_

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/oracle.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {

enum class Maps { kRandom, kFlat, kRelu, kNearlyFlat, kOffset, kLargeFlat, kHuge, kNotANumber };

inline std::string describe(const Problem& p) {
  char text[256];
  snprintf(text, sizeof text, "%lld x %lld x %lld x %lld, patch %lld x %lld, window %lld x %lld, filters %lld, %s",
           (long long)p.batch, (long long)p.height, (long long)p.width, (long long)p.channels,
           (long long)p.patch_height, (long long)p.patch_width, (long long)p.rows, (long long)p.columns,
           (long long)p.filters, p.published ? "published" : "exact");
  return text;
}

inline oracle::Numbers random_numbers(int64_t count, std::mt19937& random) {
  std::normal_distribution<double> normal;
  oracle::Numbers numbers(count);
  // Rounded, so that float kernels get the same numbers.
  for (double& number : numbers) number = float(normal(random));
  return numbers;
}

inline oracle::Numbers random_maps(const Problem& p, Maps kind, std::mt19937& random) {
  oracle::Numbers maps = random_numbers(p.batch * p.pixels() * p.channels, random);
  for (size_t i = 0; i < maps.size(); ++i) {
    double& value = maps[i];
    if (kind == Maps::kFlat) value = i < maps.size() / 2 ? 0.75 : -0.25;
    if (kind == Maps::kRelu) value = value < 0.75 ? 0 : float(value - 0.75);
    if (kind == Maps::kNearlyFlat) value = float(0.5 + 0.01 * value);
    if (kind == Maps::kOffset) value = float(1e4 + 0.01 * value);
    if (kind == Maps::kLargeFlat) value = 1234567;
    if (kind == Maps::kHuge) value = float(1e30 * value);
    if (kind == Maps::kNotANumber && random() % 40 == 0) value = random() % 2 ? NAN : INFINITY;
  }
  // About half of the batches have duplicate images.
  const int64_t size = p.pixels() * p.channels, different = 1 + random() % (2 * p.batch + 1);
  for (int64_t image = different; image < p.batch; ++image) {
    const int64_t from = random() % different;
    std::copy(&maps[from * size], &maps[from * size] + size, &maps[image * size]);
  }
  return maps;
}

// Memory of exactly this size, so that the sanitizer detects accesses out of bounds. It is filled with NaN, so that
// elements that are not written are detected too.
template <typename T>
class Memory {
 public:
  explicit Memory(int64_t size) : size_(size), numbers_(new T[size]) {
    for (int64_t i = 0; i < size; ++i) numbers_[i] = NAN;
  }
  explicit Memory(const oracle::Numbers& from) : Memory(from.size()) {
    for (int64_t i = 0; i < size_; ++i) numbers_[i] = from[i];
  }
  void clear() {
    for (int64_t i = 0; i < size_; ++i) numbers_[i] = 0;
  }
  T* get() { return numbers_.get(); }
  int64_t size() const { return size_; }

 private:
  int64_t size_;
  std::unique_ptr<T[]> numbers_;
};

// Whether the numbers agree, relative to the largest; numbers that are not finite must be so in both.
template <typename T>
bool near(const char* what, Memory<T>& found, const oracle::Numbers& expected, double tolerance) {
  double largest = 1;
  for (double number : expected) {
    if (isfinite(number)) largest = fmax(largest, fabs(number));
  }
  for (int64_t i = 0; i < found.size(); ++i) {
    const double one = found.get()[i], other = expected[i];
    if (isfinite(one) != isfinite(other) || fabs(one - other) > tolerance * largest) {
      fprintf(stderr, "%s[%lld] is %.9g; expected %.9g\n", what, (long long)i, one, other);
      return false;
    }
  }
  return true;
}

// Whether rounding moved a score across 0, or nearly so. That switches a ReLU, and no tolerance fits the gradients.
template <typename T>
bool any_near_zero(const oracle::Numbers& scores, Memory<T>& found) {
  for (size_t i = 0; i < scores.size(); ++i) {
    const bool near = scores[i] != 0 && fabs(scores[i]) < 1e-5;
    if (near || (scores[i] > 0) != (static_cast<double>(found.get()[i]) > 0)) return true;
  }
  return false;
}

// The first image of a batch that equals that of a pair.
inline int64_t first_equal(const oracle::Numbers& maps, const Problem& p, int64_t pair) {
  const int64_t size = p.pixels() * p.channels;
  int64_t first = 0;
  while (memcmp(&maps[first * size], &maps[pair * size], size * sizeof(double)) != 0) ++first;
  return first;
}

inline bool same_image(const char* what, int64_t found, int64_t expected) {
  if (found != expected) fprintf(stderr, "%s: %lld; expected %lld\n", what, (long long)found, (long long)expected);
  return found == expected;
}

// Runs a kernel in two parts, as two threads do. `partials` has room for two.
template <typename T>
void run_in_two(const cpu::Kernel<T>& kernel, const Problem& p, cpu::Arrays<T> arrays, int64_t items,
                int64_t partial_size = 0) {
  for (const auto& [begin, end] : {std::pair(items / 3, items), std::pair(int64_t{0}, items / 3)}) {
    Memory<T> scratch(kernel.scratch_size(p));
    arrays.scratch = scratch.get();
    kernel.run(p, arrays, begin, end);
    arrays.partial += partial_size;
  }
}

// The inputs of a summary and its gradient, and their results.
template <typename T>
struct Summary {
  Summary(const cpu::Kernels<T>& the_kernels, const Problem& problem, const cpu::Arrays<T>& maps,
          const oracle::Numbers& kernel, const oracle::Numbers& bias, const oracle::Numbers& upstream)
      : kernels(the_kernels),
        p(problem),
        arrays(maps),
        K(kernel),
        B(bias),
        G(upstream),
        packed(kernels.packed_size(p)),
        partials(2 * kernels.partial_size(p)),
        out(upstream.size()),
        dx(p.batch * p.pixels() * p.channels),
        dy(dx.size()),
        dkernel(kernel.size()),
        dbias(p.filters) {
    kernels.pack(p, K.get(), packed.get());
    partials.clear();
    arrays.kernel = K.get();
    arrays.bias = B.get();
    arrays.packed = packed.get();
    arrays.upstream = G.get();
    arrays.out = out.get();
    arrays.dx = dx.get();
    arrays.dy = dy.get();
    arrays.partial = partials.get();
  }
  void run(const cpu::Kernel<T>& summary, const cpu::Kernel<T>& gradient) {
    const int64_t tile = arrays.duplicates.tile;
    run_in_two(summary, p, arrays, cpu::forward_items(p, tile, arrays.row_blocks));
    run_in_two(gradient, p, arrays, cpu::gradient_items(p, tile), kernels.partial_size(p));
    kernels.add_partials(p, partials.get(), 2, G.get(), dkernel.get(), dbias.get());
  }

  const cpu::Kernels<T>& kernels;
  const Problem& p;
  cpu::Arrays<T> arrays;
  Memory<T> K, B, G, packed, partials, out, dx, dy, dkernel, dbias;
};

// Whether all kernels of one instruction set are right on this problem.
template <typename T>
bool check(const cpu::Kernels<T>& kernels, const Problem& p, Maps kind, unsigned seed) {
  using oracle::Numbers;
  std::mt19937 random(seed);
  const Numbers x = random_maps(p, kind, random), y = random_maps(p, kind, random);
  const Numbers upstream = random_numbers(p.batch * p.pixels() * p.maps(), random);
  const Numbers kernel = random_numbers(p.maps() * p.filters, random), bias = random_numbers(p.filters, random);
  const Numbers of_summary = random_numbers(p.batch * p.pixels() * p.filters, random);
  const double tolerance = sizeof(T) == 8 ? 1e-11 : 1e-5;
  // Where patches are nearly flat, gradients are as large as 1 / epsilon^2, and differences of small numbers.
  const double of_gradient = tolerance * 10;

  Memory<T> X(x), Y(y), G(upstream), out(upstream.size()), dx(x.size()), dy(y.size());
  cpu::Arrays<T> arrays{};
  arrays.x = X.get();
  arrays.y = Y.get();
  arrays.upstream = G.get();
  arrays.out = out.get();
  arrays.dx = dx.get();
  arrays.dy = dy.get();
  arrays.duplicates.tile = 1;
  // From the fewest to one row in each.
  arrays.row_blocks = cpu::fewest_row_blocks(p) + seed % (p.height - cpu::fewest_row_blocks(p) + 1);
  run_in_two(kernels.forward, p, arrays, cpu::forward_items(p, 1, arrays.row_blocks));
  run_in_two(kernels.gradient, p, arrays, cpu::gradient_items(p));
  const Numbers scores = oracle::forward(p, x, y);
  bool right = near("forward", out, scores, tolerance);
  Numbers of_differences, expected_dx, expected_dy, expected_dkernel, expected_dbias;
  oracle::gradient(p, x, y, upstream, &expected_dx, &expected_dy);
  right &= near("dx", dx, expected_dx, of_gradient) && near("dy", dy, expected_dy, of_gradient);

  Summary<T> cross_input(kernels, p, arrays, kernel, bias, of_summary);
  cross_input.run(kernels.cross_input, kernels.cross_input_gradient);
  const Numbers differences = oracle::differences(p, x, y);
  right &= near("cross input", cross_input.out, oracle::summary_of(p, differences, kernel, bias), tolerance);
  oracle::gradient_of_summary(p, differences, kernel, of_summary, &of_differences, &expected_dkernel, &expected_dbias);
  oracle::gradient_of_differences(p, of_differences, &expected_dx, &expected_dy);
  // The sign of a difference survives rounding, so every ReLU is certain.
  right &= near("cross input dx", cross_input.dx, expected_dx, tolerance);
  right &= near("cross input dy", cross_input.dy, expected_dy, tolerance);
  right &= near("cross input dkernel", cross_input.dkernel, expected_dkernel, tolerance);
  right &= near("cross input dbias", cross_input.dbias, expected_dbias, tolerance);
  if (p.filters == 0) return right;

  std::vector<int64_t> x_of(p.batch), y_of(p.batch);
  cpu::find_duplicates(X.get(), p.batch, p.pixels() * p.channels * sizeof(T), x_of.data());
  cpu::find_duplicates(Y.get(), p.batch, p.pixels() * p.channels * sizeof(T), y_of.data());
  for (int64_t pair = 0; pair < p.batch; ++pair) {
    right &= same_image("duplicates of x", x_of[pair], first_equal(x, p, pair)) &&
             same_image("duplicates of y", y_of[pair], first_equal(y, p, pair));
  }
  arrays.duplicates = {x_of.data(), y_of.data(), int64_t(1 + seed % kernels.summary.most_pairs)};
  Summary<T> summary(kernels, p, arrays, kernel, bias, of_summary);
  summary.run(kernels.summary, kernels.summary_gradient);
  right &= near("summary", summary.out, oracle::summary(p, x, y, kernel, bias), of_gradient);
  oracle::summary_gradient(p, x, y, kernel, of_summary, &expected_dx, &expected_dy, &expected_dkernel, &expected_dbias);
  right &= near("dkernel", summary.dkernel, expected_dkernel, of_gradient);
  right &= near("dbias", summary.dbias, expected_dbias, of_gradient);
  if (any_near_zero(scores, out)) return right;
  right &= near("summary dx", summary.dx, expected_dx, of_gradient);
  return right & near("summary dy", summary.dy, expected_dy, of_gradient);
}

// Calls check(problem, maps, seed) with random small problems for that many seconds, or until one is wrong. Returns how
// many were right, or -1.
template <typename Check>
int64_t check_random_problems(double seconds, Check check) {
  const auto begin = std::chrono::steady_clock::now();
  std::mt19937 random(0);
  const auto up_to = [&random](int most) { return int64_t(1 + random() % most); };
  const auto odd_up_to = [&up_to](int most) { return 2 * up_to((most + 1) / 2) - 1; };
  int64_t checked = 0;
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < seconds) {
    Problem p{};
    // Sometimes enough small pairs for more than one tile.
    p.batch = random() % 8 ? up_to(3) - 1 : up_to(40);
    p.height = up_to(11);
    p.width = up_to(30);
    p.channels = up_to(3);
    p.patch_height = odd_up_to(7);
    p.patch_width = odd_up_to(7);
    p.rows = odd_up_to(7);
    p.columns = random() % 2 ? 0 : odd_up_to(17);
    p.epsilon = 0.01;
    p.published = random() % 2 == 0;
    p.filters = up_to(40) - 1;
    if (p.batch > 3) p.height = up_to(3), p.width = up_to(8), p.channels = 1;
    if (p.patch() == 1) continue;
    const Maps kind = Maps(random() % (int(Maps::kNotANumber) + 1));
    if (!check(p, kind, unsigned(random()))) return -1;
    ++checked;
  }
  return checked;
}

// `check` for every instruction set that this processor runs, in float and double.
template <typename P>
bool check_all(const P& p, Maps kind, unsigned seed) {
  bool right = true;
  for (const char* name : {"plain", "avx2", "avx512"}) {
    const cpu::Kernels<float>* in_float = cpu::kernels_named<float>(name);
    if (in_float == nullptr) continue;
    const bool both = check(*in_float, p, kind, seed) && check(*cpu::kernels_named<double>(name), p, kind, seed);
    if (!both) fprintf(stderr, "  with %s: %s, maps %d, seed %u\n", name, describe(p).c_str(), int(kind), seed);
    right &= both;
  }
  return right;
}

}  // namespace tfnxc

#endif  // TFNXC_TESTS_CHECK_H_
