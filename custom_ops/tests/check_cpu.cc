// Compares the CPU kernels of every instruction set of this processor with the oracle, on chosen problems, and then on
// random ones for the number of seconds in the first argument. Exits with 1 at the first difference.
#include "tests/check.h"
#include "tests/check_any.h"

namespace {

tfnxc::AnyProblem random_any_problem(std::mt19937& random) {
  return tfnxc::any_problem([&random](int most) { return int64_t(random() % (most + 1)); });
}

}  // namespace

int main(int count, char** arguments) {
  using namespace tfnxc;
  const Problem chosen[] = {
      // batch, height, width, channels, patch, rows, columns, epsilon, published, filters
      {1, 9, 12, 2, 5, 5, 5, 0, 0.01, false, 25},   // the paper's windows
      {2, 7, 6, 2, 5, 5, 5, 0, 0.01, true, 3},      //
      {1, 6, 7, 2, 3, 5, 3, 5, 0.01, false, 4},     // relative columns
      {1, 2, 3, 1, 5, 5, 5, 0, 0.01, false, 1},     // map smaller than the patch
      {1, 2, 2, 1, 5, 5, 3, 7, 0.01, false, 17},    // window wider than the map
      {2, 1, 1, 3, 3, 3, 1, 1, 0.01, true, 2},      // one pixel
      {1, 3, 53, 1, 3, 3, 3, 0, 0.01, false, 33},   // more than two tiles of positions
      {1, 3, 53, 1, 3, 3, 3, 19, 0.01, false, 33},  //
      {1, 4, 3, 1, 1, 3, 1, 0, 0.01, false, 0},     //
      {1, 19, 4, 1, 7, 7, 9, 0, 0.5, false, 2},     // more than one vector a patch row of doubles; many rows
      {0, 4, 3, 2, 3, 3, 3, 0, 0.01, false, 2},     // no image
      {40, 3, 4, 2, 3, 3, 3, 0, 0.01, false, 5},    // more pairs than a tile
      {1, 3, 4, 2, 1, 21, 1, 33, 0.01, false, 5},   // long, thin patches and windows
  };
  for (const Problem& problem : chosen) {
    for (int kind = 0; kind <= int(Maps::kNotANumber); ++kind) {
      if (find_error(problem, true) != nullptr || !check_all(problem, Maps(kind), 1)) return 1;
    }
  }
  constexpr Padding kSame = Padding::kSame, kValid = Padding::kValid, kMasked = Padding::kMasked;
  const AnyProblem chosen_of_any[] = {
      // batches, channels; rows, columns: x, y, patch, window, stride, dilation, padding; epsilon, published, reduced
      {1, 1, 40, {4, 5, 3, 3, 1, 1, kSame}, {9, 9, 3, 5, 1, 1, kSame}, 0.01, false, true},    // chunks of channels
      {2, 1, 2, {9, 4, 3, 3, 2, 1, kSame}, {7, 30, 5, 0, 3, 4, kSame}, 0.01, true, false},    // many against one
      {1, 3, 3, {4, 9, 4, 0, 1, 2, kValid}, {3, 30, 2, 0, 1, 3, kValid}, 0.01, false, true},  // a template
      {1, 0, 3, {4, 9, 4, 0, 1, 2, kValid}, {3, 30, 2, 0, 1, 3, kValid}, 0.01, false, true},  // against none
      {1, 1, 1, {1, 1, 3, 3, 1, 1, kMasked}, {1, 1, 3, 3, 1, 1, kMasked}, 0.01, false, true},
      {1, 1, 2, {3, 4, 7, 3, 2, 3, kMasked}, {4, 30, 5, 9, 4, 6, kMasked}, 0.01, true, false},  // large patch
      {1, 1, 1, {3, 3, 3, 5, 1, 9, kSame}, {40, 3, 3, 3, 1, 90, kSame}, 0.01, false, true},   // most places outside
      {1, 1, 1, {3, 3, 3, 1, 50, 2, kSame}, {40, 40, 3, 1, 7, 1, kSame}, 0.01, false, true},  // windows apart
  };
  for (const AnyProblem& problem : chosen_of_any) {
    for (int kind = 0; kind <= int(Maps::kNotANumber); ++kind) {
      if (find_any_error(problem) != nullptr || !check_all(problem, Maps(kind), 1)) return 1;
    }
  }
  std::mt19937 random(0);
  const auto check_both = [&random](const Problem& p, Maps kind, unsigned seed) {
    const AnyProblem any = random_any_problem(random);
    const bool small = find_any_error(any) == nullptr && work(any) < 200000;
    return check_all(p, kind, seed) && (!small || check_all(any, kind, seed));
  };
  const int64_t checked = check_random_problems(count > 1 ? atof(arguments[1]) : 0, check_both);
  if (checked < 0) return 1;
  printf("CPU kernels (best here: %s): chosen problems and %lld random ones are right\n",
         cpu::best_kernels<float>()->name, (long long)checked);
}
