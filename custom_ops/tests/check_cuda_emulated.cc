// Compares the CUDA kernels, run by the emulation on this CPU, with the oracle: on chosen problems, and then on random
// ones for the number of seconds in the first argument. Each runs with its threads in forward and backward order, which
// must give the same bits, and in chunks of a small workspace on a small GPU. Exits with 1 at the first difference. The emulation
// aborts on undefined behavior.
#include <string.h>

#include "cuda/platform.h"
#include "tests/check.h"

namespace tfnxc {

template <typename T>
constexpr double kPrecision = 0;  // of a result, relative to the largest
template <>
constexpr double kPrecision<float> = 1e-5;
template <>
constexpr double kPrecision<double> = 1e-11;
template <>
constexpr double kPrecision<__half> = 1e-3;
template <>
constexpr double kPrecision<__nv_bfloat16> = 8e-3;

// The numbers rounded to T, so that kernel and oracle get the same ones.
template <typename T>
oracle::Numbers rounded(oracle::Numbers numbers) {
  for (double& number : numbers) number = static_cast<double>(T(number));
  return numbers;
}

// A workspace filled with NaN, so that reads of unwritten elements are detected.
struct Workspace {
  explicit Workspace(size_t size) : bytes(new char[size]) { memset(bytes.get(), 0xff, size); }
  std::unique_ptr<char[]> bytes;
};

template <typename T>
struct Results {
  explicit Results(const Problem& p)
      : out(p.batch * p.pixels() * p.maps()),
        dx(p.batch * p.pixels() * p.channels),
        dy(dx.size()),
        summary(p.batch * p.pixels() * p.filters),
        summary_dx(dx.size()),
        summary_dy(dx.size()),
        dkernel(p.maps() * p.filters),
        dbias(p.filters) {}
  Memory<T> out, dx, dy, summary, summary_dx, summary_dy, dkernel, dbias;

  bool same_bits(Results& other) {
    const auto same = [](Memory<T>& one, Memory<T>& another) {
      return memcmp(one.get(), another.get(), one.size() * sizeof(T)) == 0;
    };
    return same(out, other.out) && same(dx, other.dx) && same(dy, other.dy) && same(summary, other.summary) &&
           same(summary_dx, other.summary_dx) && same(summary_dy, other.summary_dy) && same(dkernel, other.dkernel) &&
           same(dbias, other.dbias);
  }
};

template <typename T>
struct Inputs {
  Memory<T> x, y, upstream, kernel, bias, of_summary;
};

template <typename T>
void run(const Problem& p, Inputs<T>& in, Results<T>* to) {
  const auto workspace = [](size_t size) { return Workspace(size).bytes; };
  int errors = cuda::forward<T>(p, in.x.get(), in.y.get(), to->out.get(),
                                workspace(cuda::forward_workspace<T>(p)).get(), nullptr);
  errors |= cuda::gradient<T>(p, in.x.get(), in.y.get(), in.upstream.get(), to->dx.get(), to->dy.get(),
                              workspace(cuda::gradient_workspace<T>(p)).get(), nullptr);
  errors |= cuda::summary<T>(p, in.x.get(), in.y.get(), in.kernel.get(), in.bias.get(), to->summary.get(),
                             workspace(cuda::summary_workspace<T>(p)).get(), nullptr);
  errors |= cuda::summary_gradient<T>(p, in.x.get(), in.y.get(), in.kernel.get(), in.of_summary.get(),
                                      to->summary_dx.get(), to->summary_dy.get(), to->dkernel.get(), to->dbias.get(),
                                      workspace(cuda::summary_gradient_workspace<T>(p)).get(), nullptr);
  if (errors != 0) abort();
}

template <typename T>
bool check_cuda(const Problem& p, Maps kind, unsigned seed) {
  using oracle::Numbers;
  std::mt19937 random(seed);
  const Numbers x = rounded<T>(random_maps(p, kind, random)), y = rounded<T>(random_maps(p, kind, random));
  const Numbers upstream = rounded<T>(random_numbers(p.batch * p.pixels() * p.maps(), random));
  const Numbers kernel = rounded<T>(random_numbers(p.maps() * p.filters, random));
  const Numbers bias = rounded<T>(random_numbers(p.filters, random));
  const Numbers of_summary = rounded<T>(random_numbers(p.batch * p.pixels() * p.filters, random));
  Inputs<T> inputs{Memory<T>(x),      Memory<T>(y),    Memory<T>(upstream),
                   Memory<T>(kernel), Memory<T>(bias), Memory<T>(of_summary)};

  Results<T> results(p), backward(p), in_chunks(p);
  run(p, inputs, &results);
  emulation::order = emulation::Order::kBackward;
  run(p, inputs, &backward);
  emulation::order = emulation::Order::kForward;
  const int64_t bytes = emulation::bytes_of_chunks, blocks = emulation::blocks_of_gpu;
  emulation::bytes_of_chunks = 1 + random() % 20000;
  emulation::blocks_of_gpu = 1 + random() % 30;
  run(p, inputs, &in_chunks);
  emulation::bytes_of_chunks = bytes;
  emulation::blocks_of_gpu = blocks;
  bool right = results.same_bits(backward);
  if (!right) fprintf(stderr, "results depend on the order of threads\n");

  const Numbers scores = oracle::forward(p, x, y);
  const Numbers sums = oracle::summary(p, x, y, kernel, bias);
  Numbers dx, dy, summary_dx, summary_dy, dkernel, dbias;
  oracle::gradient(p, x, y, upstream, &dx, &dy);
  oracle::summary_gradient(p, x, y, kernel, of_summary, &summary_dx, &summary_dy, &dkernel, &dbias);
  // Results of 16 bits are computed in float, and rounded once.
  const double computing = sizeof(T) == 8 ? kPrecision<double> : kPrecision<float>;
  const double tolerance = computing + (sizeof(T) == 2 ? kPrecision<T> : 0);
  const double of_gradient = 10 * computing + (sizeof(T) == 2 ? kPrecision<T> : 0);
  for (Results<T>* found : {&results, &in_chunks}) {
    right &= near("forward", found->out, scores, tolerance);
    right &= near("dx", found->dx, dx, of_gradient) && near("dy", found->dy, dy, of_gradient);
    right &= near("summary", found->summary, sums, of_gradient);
    right &= near("dkernel", found->dkernel, dkernel, of_gradient) && near("dbias", found->dbias, dbias, of_gradient);
    if (any_near_zero(scores, found->out)) continue;
    right &= near("summary dx", found->summary_dx, summary_dx, of_gradient);
    right &= near("summary dy", found->summary_dy, summary_dy, of_gradient);
  }
  if (!right) {
    fprintf(stderr, "  in %zu bytes: %s, maps %d, seed %u\n", sizeof(T), describe(p).c_str(), int(kind), seed);
  }
  return right;
}

}  // namespace tfnxc

int main(int count, char** arguments) {
  using namespace tfnxc;
  const Problem chosen[] = {
      // batch, height, width, channels, patch, rows, columns, epsilon, published, filters
      {1, 7, 12, 2, 5, 5, 5, 0, 0.01, false, 25},   // the paper's windows
      {2, 6, 5, 2, 5, 5, 5, 5, 0.01, true, 3},      //
      {1, 6, 7, 1, 3, 5, 3, 5, 0.01, false, 34},    // relative columns; more filters than one tile
      {1, 2, 3, 1, 5, 5, 5, 0, 0.01, false, 1},     // map smaller than the patch
      {1, 2, 2, 1, 5, 5, 3, 7, 0.01, false, 17},    // window wider than the map
      {2, 1, 1, 3, 3, 3, 1, 1, 0.01, true, 2},      // one pixel
      {1, 2, 70, 1, 3, 3, 3, 0, 0.01, false, 5},    // more columns than a tile, and than a part of the window
      {1, 2, 41, 1, 3, 3, 3, 19, 0.01, false, 33},  //
      {1, 4, 3, 1, 1, 3, 1, 0, 0.01, false, 0},     // no filter
      {1, 11, 4, 1, 7, 7, 9, 0, 0.5, false, 2},     // two parts of the patch
      {0, 4, 3, 2, 3, 3, 3, 0, 0.01, false, 2},     // no image
      {1, 3, 3, 1, 1, 61, 1, 73, 0.01, false, 5},   // long, thin patches and windows
      {1, 2, 2, 1, 3, 1, 151, 1, 0.01, true, 3},    //
  };
  for (const Problem& p : chosen) {
    if (find_error(p, true) != nullptr) return 1;
    const bool of_paper = &p < chosen + 2;
    for (Maps kind : {Maps::kRandom, Maps::kNotANumber, Maps::kFlat, Maps::kRelu, Maps::kNearlyFlat, Maps::kOffset,
                      Maps::kLargeFlat, Maps::kHuge}) {
      if (!of_paper && kind == Maps::kFlat) break;
      if (!check_cuda<float>(p, kind, 1)) return 1;
    }
    if (!check_cuda<double>(p, of_paper ? Maps::kFlat : Maps::kRandom, 1)) return 1;
    if (!of_paper) continue;
    if (!check_cuda<__half>(p, Maps::kRandom, 1) || !check_cuda<__nv_bfloat16>(p, Maps::kRelu, 1)) return 1;
  }
  const auto in_either = [](const Problem& p, Maps kind, unsigned seed) {
    return seed % 3 ? check_cuda<float>(p, kind, seed) : check_cuda<double>(p, kind, seed);
  };
  const int64_t checked = check_random_problems(count > 1 ? atof(arguments[1]) : 0, in_either);
  if (checked < 0) return 1;
  printf("CUDA kernels, emulated: chosen problems and %lld random ones are right\n", (long long)checked);
}
