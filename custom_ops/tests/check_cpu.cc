// Compares the CPU kernels of every instruction set here with the oracle, on chosen problems and then on random ones for as
// many seconds as the first argument says. Exits with 1 at the first difference.
#include <chrono>

#include "tests/check.h"

int main(int count, char** arguments) {
  using namespace tfnxc;
  const Problem chosen[] = {
      // batch, height, width, channels, patch, rows, columns, epsilon, published, filters
      {1, 9, 12, 2, 5, 5, 5, 0, 0.01, false, 25},    // the paper's windows
      {2, 7, 6, 2, 5, 5, 5, 0, 0.01, true, 3},       //
      {1, 6, 7, 2, 3, 5, 3, 5, 0.01, false, 4},      // relative columns
      {1, 2, 3, 1, 5, 5, 5, 0, 0.01, false, 1},      // map smaller than the patch
      {1, 2, 2, 1, 5, 5, 3, 7, 0.01, false, 17},     // window wider than the map
      {2, 1, 1, 3, 3, 3, 1, 1, 0.01, true, 2},       // one pixel
      {1, 3, 53, 1, 3, 3, 3, 0, 0.01, false, 33},    // more than two tiles of positions
      {1, 3, 53, 1, 3, 3, 3, 19, 0.01, false, 33},   //
      {1, 4, 3, 1, 1, 3, 1, 0, 0.01, false, 0},      //
      {1, 19, 4, 1, 7, 7, 9, 0, 0.5, false, 2},      // more than one vector a patch row of doubles; many rows
      {0, 4, 3, 2, 3, 3, 3, 0, 0.01, false, 2},      // no image
      {1, 3, 4, 2, 1, 21, 1, 33, 0.01, false, 5},    // long, thin patches and windows
  };
  for (const Problem& problem : chosen) {
    for (int kind = 0; kind <= int(Maps::kNotANumber); ++kind) {
      if (find_error(problem, true) != nullptr || !check_all(problem, Maps(kind), 1)) return 1;
    }
  }
  const double seconds = count > 1 ? atof(arguments[1]) : 0;
  const auto begin = std::chrono::steady_clock::now();
  std::mt19937 random(0);
  const auto up_to = [&random](int most) { return int64_t(1 + random() % most); };
  int64_t checked = 0;
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < seconds) {
    Problem p{up_to(3) - 1,         up_to(11),        up_to(30), up_to(3), 2 * up_to(4) - 1, 2 * up_to(4) - 1,
              2 * up_to(4) - 1, random() % 2 ? 0 : 2 * up_to(9) - 1, 0.01, random() % 2 == 0, up_to(40) - 1};
    if (p.patch() == 1) continue;
    if (!check_all(p, Maps(random() % 6), random())) return 1;
    ++checked;
  }
  printf("CPU kernels (best here: %s): chosen problems and %lld random ones are right\n",
         cpu::best_kernels<float>()->name, (long long)checked);
}
