// Runs the CPU kernels of any geometry on one problem and compares them with the oracle.
#ifndef TFNXC_TESTS_CHECK_ANY_H_
#define TFNXC_TESTS_CHECK_ANY_H_

#include "tests/any_oracle.h"
#include "tests/check.h"

namespace tfnxc {

inline std::string describe(const AnyProblem& p) {
  std::string text = std::to_string(p.x_batch) + " and " + std::to_string(p.y_batch) + " x " +
                     std::to_string(p.channels) + " channels, padding " + std::to_string(int(p.rows.padding)) +
                     (p.reduced ? ", reduced" : "") + (p.published ? ", published" : ", exact");
  for (const Axis& axis : {p.rows, p.columns}) {
    for (int64_t number : {axis.x, axis.y, axis.patch, axis.window, axis.stride, axis.dilation}) {
      text += " " + std::to_string(number);
    }
    text += ";";
  }
  return text;
}

inline oracle::Numbers random_maps(int64_t batch, int64_t height, int64_t width, int64_t channels, Maps kind,
                                   std::mt19937& random) {
  Problem of_map{};
  of_map.batch = batch;
  of_map.height = height;
  of_map.width = width;
  of_map.channels = channels;
  return random_maps(of_map, kind, random);
}

template <typename T>
void run_in_two(const AnyProblem& p, const cpu::AnyKernel<T>& kernel, cpu::AnyArrays<T> arrays, int64_t items) {
  for (const auto& [begin, end] : {std::pair(items / 3, items), std::pair(int64_t{0}, items / 3)}) {
    Memory<T> scratch(kernel.scratch_size(p));
    arrays.scratch = scratch.get();
    kernel.run(p, arrays, begin, end);
  }
}

template <typename T>
bool check(const cpu::Kernels<T>& kernels, const AnyProblem& p, Maps kind, unsigned seed) {
  using oracle::Numbers;
  std::mt19937 random(seed);
  const Numbers x = random_maps(p.x_batch, p.rows.x, p.columns.x, p.channels, kind, random);
  const Numbers y = random_maps(p.y_batch, p.rows.y, p.columns.y, p.channels, kind, random);
  const Numbers weights = random_numbers(p.channels, random);
  const Numbers upstream = random_numbers(p.batch() * p.positions() * p.groups() * p.window(), random);
  const double tolerance = sizeof(T) == 8 ? 1e-11 : 1e-5, of_gradient = tolerance * 10;

  const int64_t apart = cpu::images_apart(p);
  Memory<T> X(x), Y(y), W(weights), G(upstream), out(upstream.size()), dx(x.size()), dy(y.size());
  Memory<T> of_images(apart * p.channels), dweights(p.reduced ? p.channels : 0);
  cpu::AnyArrays<T> arrays{};
  arrays.x = X.get();
  arrays.y = Y.get();
  arrays.weights = W.get();
  arrays.upstream = G.get();
  arrays.out = out.get();
  arrays.dx = dx.get();
  arrays.dy = dy.get();
  arrays.dweights = of_images.get();
  arrays.row_blocks =
      cpu::fewest_row_blocks(p) + seed % (p.rows.positions() - cpu::fewest_row_blocks(p) + 1);
  arrays.chunks = cpu::fewest_chunks(p) + seed % (p.channels - cpu::fewest_chunks(p) + 1);
  run_in_two(p, kernels.any_forward, arrays, cpu::forward_items(p, arrays.row_blocks));
  run_in_two(p, kernels.any_gradient, arrays, cpu::gradient_items(p, arrays.chunks));
  for (int64_t channel = 0; channel < dweights.size(); ++channel) {
    dweights.get()[channel] = 0;
    for (int64_t image = 0; image < apart; ++image) {
      dweights.get()[channel] += of_images.get()[image * p.channels + channel];
    }
  }
  Numbers expected_dx, expected_dy, expected_dweights;
  oracle::any_gradient(p, x, y, weights, upstream, &expected_dx, &expected_dy, &expected_dweights);
  return near("any geometry", out, oracle::any_forward(p, x, y, weights), tolerance) &
         near("any geometry dx", dx, expected_dx, of_gradient) &
         near("any geometry dy", dy, expected_dy, of_gradient) &
         near("any geometry dweights", dweights, expected_dweights, of_gradient);
}

// A small problem of any geometry of numbers up to those asked for: up_to(most) gives one from 0 to `most`.
template <typename UpTo>
AnyProblem any_problem(UpTo up_to) {
  AnyProblem p{};
  const int64_t batch = up_to(2);
  p.x_batch = up_to(3) == 0 ? 1 : batch;
  p.y_batch = up_to(3) == 0 ? 1 : batch;
  p.channels = 1 + (up_to(7) == 0 ? up_to(19) : up_to(2));
  const Padding padding = Padding(up_to(2));
  const bool whole_width = up_to(2) == 0, whole_height = whole_width && up_to(1) == 0;
  for (Axis* axis : {&p.rows, &p.columns}) {
    const bool across = axis == &p.columns;
    axis->padding = padding;
    axis->patch = padding == Padding::kValid ? 1 + up_to(4) : 1 + 2 * up_to(2);
    const int64_t least = padding == Padding::kValid ? axis->patch : 1;
    axis->x = least + up_to(across ? 28 : 8);
    axis->y = up_to(1) == 0 ? axis->x : least + up_to(across ? 24 : 8);
    axis->window = (across ? whole_width : whole_height) ? 0 : 1 + 2 * up_to(across ? 6 : 3);
    axis->stride = up_to(1) == 0 ? 1 : 1 + up_to(5);
    axis->dilation = up_to(1) == 0 ? 1 : 1 + up_to(5);
  }
  p.epsilon = 0.01;
  p.published = up_to(1) == 1;
  p.reduced = up_to(1) == 1;
  return p;
}

inline int64_t work(const AnyProblem& p) {
  return p.batch() * p.positions() * p.window() * p.channels * p.patch();
}

}  // namespace tfnxc

#endif  // TFNXC_TESTS_CHECK_ANY_H_
