// The table of the CPU kernels. This file is compiled once for each instruction set, with TFNXC_ISA its name.
#include "cpu/any_correlation.h"
#include "cpu/any_gradient.h"
#include "cpu/correlation.h"
#include "cpu/correlation_summary.h"
#include "cpu/cross_input_summary.h"
#include "cpu/scratch_memory.h"
#include "cpu/summary_convolution.h"
#include "tfnxc/norm_xcorr.h"

#define TFNXC_JOIN_AS_WRITTEN(a, b) a##b
#define TFNXC_JOIN(a, b) TFNXC_JOIN_AS_WRITTEN(a, b)
#define TFNXC_QUOTE_AS_WRITTEN(a) #a
#define TFNXC_QUOTE(a) TFNXC_QUOTE_AS_WRITTEN(a)

namespace tfnxc {
namespace cpu {
namespace {

template <typename T>
constexpr Kernels<T> make_kernels() {
  Kernels<T> kernels{};
  kernels.name = TFNXC_QUOTE(TFNXC_ISA);
  kernels.forward = {size_of<T, ForwardScratch<T>>, forward<T>};
  kernels.gradient = {size_of<T, GradientScratch<T>>, gradient<T>};
  kernels.any_forward = {size_of<T, AnyForwardScratch<T>>, any_forward<T>};
  kernels.any_gradient = {size_of<T, AnyGradientScratch<T>>, any_gradient<T>};
  kernels.summary = {size_of<T, SummaryScratch<T>>, summary<T>};
  kernels.summary.most_pairs = kMostPairs;
  kernels.summary.uses_packed = true;
  kernels.summary_gradient = {size_of<T, SummaryGradientScratch<T>>, summary_gradient<T>};
  kernels.summary_gradient.most_pairs = kMostGradientPairs;
  kernels.summary_gradient.uses_packed = true;
  kernels.cross_input = {size_of<T, CrossInputScratch<T>>, cross_input<T>};
  kernels.cross_input.uses_packed = true;
  kernels.cross_input_gradient = {size_of<T, CrossInputGradientScratch<T>>, cross_input_gradient<T>};
  kernels.packed_size = packed_size<T>;
  kernels.pack = pack<T>;
  kernels.partial_size = partial_size<T>;
  kernels.add_partials = add_partials<T>;
  return kernels;
}
template <typename T>
constexpr Kernels<T> kKernels = make_kernels<T>();

}  // namespace

// Declared in dispatch.cc.
const Kernels<float>* TFNXC_JOIN(TFNXC_ISA, _kernels)(float) { return &kKernels<float>; }
const Kernels<double>* TFNXC_JOIN(TFNXC_ISA, _kernels)(double) { return &kKernels<double>; }

}  // namespace cpu
}  // namespace tfnxc
