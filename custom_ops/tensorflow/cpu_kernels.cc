// The operations on a CPU, with memory and threads from TensorFlow.
#include <algorithm>
#include <type_traits>
#include <vector>

#include "tensorflow/core/framework/bfloat16.h"
#include "tensorflow/cpu_threads.h"
#include "tensorflow/window_op.h"

namespace tfnxc {
namespace {

using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;

// The type that the kernels compute in.
template <typename T>
using Working = std::conditional_t<std::is_same_v<T, double>, double, float>;

// Converts a tensor to the type of another, in all threads.
template <typename From, typename To>
void convert(OpKernelContext* context, const Tensor& from, Tensor* to) {
  constexpr int64_t kLeast = 1 << 14;  // fewer are faster in one thread
  const From* source = from.flat<From>().data();
  To* target = to->flat<To>().data();
  Parts(context, from.NumElements(), kLeast).each([&](int64_t, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) target[i] = static_cast<To>(source[i]);
  });
}

// A tensor in the type that the kernels compute in: the tensor itself, or a converted copy.
template <typename T>
class WorkingTensor {
 public:
  WorkingTensor(OpKernelContext* context, const Tensor& tensor)
      : context_(context), tensor_(tensor), working_(tensor) {
    if constexpr (kCopies) {
      context->SetStatus(
          context->allocate_temp(tensorflow::DataTypeToEnum<Working<T>>::value, tensor.shape(), &working_));
    }
  }

  void read() {
    if constexpr (kCopies) convert<T, Working<T>>(context_, tensor_, &working_);
  }
  void write() {
    if constexpr (kCopies) convert<Working<T>, T>(context_, working_, &tensor_);
  }
  Working<T>* data() { return working_.flat<Working<T>>().data(); }

 private:
  static constexpr bool kCopies = !std::is_same_v<T, Working<T>>;
  OpKernelContext* context_;
  Tensor tensor_, working_;
};

// The duplicate images of both batches, and tiles of nearly equal size: at most `most_pairs` pairs, and several tiles
// for each thread.
class FoundDuplicates {
 public:
  template <typename W>
  FoundDuplicates(const Problem& p, const W* x, const W* y, int64_t threads, int64_t most_pairs)
      : x_of_(p.batch), y_of_(p.batch) {
    if (most_pairs == 1) return;
    const int64_t size = p.pixels() * p.channels * sizeof(W);
    cpu::find_duplicates(x, p.batch, size, x_of_.data());
    cpu::find_duplicates(y, p.batch, size, y_of_.data());
    const int64_t tiles = cpu::tiles(p, std::clamp<int64_t>(p.batch / (2 * threads), 1, most_pairs));
    tile_ = std::max<int64_t>(1, cpu::tiles(p, std::max<int64_t>(1, tiles)));
  }

  cpu::Duplicates get() const { return {x_of_.data(), y_of_.data(), tile_}; }

 private:
  std::vector<int64_t> x_of_, y_of_;
  int64_t tile_ = 1;
};

template <typename T, Result kResult, auto kKernel>
class CpuOp : public WindowOp {
 public:
  explicit CpuOp(OpKernelConstruction* construction) : WindowOp(construction, kResult) {}

 private:
  using W = Working<T>;

  void run(OpKernelContext* context, const Problem& p, const std::vector<Tensor*>& outputs) const override {
    const tensorflow::port::ScopedFlushDenormal flush;  // of this thread, as in all others
    std::vector<WorkingTensor<T>> in, out;
    for (int i = 0; i < input_count(kResult); ++i) in.emplace_back(context, context->input(i));
    for (const Tensor* output : outputs) out.emplace_back(context, *output);
    if (!context->status().ok()) return;
    for (WorkingTensor<T>& input : in) input.read();
    cpu::Arrays<W> arrays{};
    arrays.x = in[0].data();
    arrays.y = in[1].data();
    if (of_summary(kResult)) arrays.kernel = in[2].data();
    if (kResult == Result::kSummary) arrays.bias = in[3].data();
    if (is_gradient(kResult)) {
      arrays.upstream = in.back().data();
      arrays.dx = out[0].data();
      arrays.dy = out[1].data();
    } else {
      arrays.out = out[0].data();
    }
    const bool kernel_gradient = kResult == Result::kSummaryGradient;
    compute(context, p, arrays, kernel_gradient ? out[2].data() : nullptr, kernel_gradient ? out[3].data() : nullptr);
    for (WorkingTensor<T>& output : out) output.write();
  }

  // Runs the kernel in all threads. Then adds up the gradients of the convolution, if `dkernel` is not null.
  void compute(OpKernelContext* context, const Problem& p, cpu::Arrays<W> arrays, W* dkernel, W* dbias) const {
    const cpu::Kernels<W>& kernels = *cpu::best_kernels<W>();
    const cpu::Kernel<W>& kernel = kernels.*kKernel;
    const FoundDuplicates duplicates(p, arrays.x, arrays.y, Parts(context, p.batch).count(), kernel.most_pairs);
    arrays.duplicates = duplicates.get();
    const int64_t tile = arrays.duplicates.tile;
    // The fewest otherwise, because each block reads a halo of its own.
    arrays.row_blocks = shares(cpu::fewest_row_blocks(p), p.height, cpu::tiles(p, tile), threads_of(context));
    const Parts parts(context, is_gradient(kResult) ? cpu::gradient_items(p, tile)
                                                    : cpu::forward_items(p, tile, arrays.row_blocks));

    const int64_t packed_size = kernel.uses_packed ? kernels.packed_size(p) : 0;
    const int64_t partial_size = dkernel != nullptr ? kernels.partial_size(p) : 0;
    const int64_t scratch_size = kernel.scratch_size(p);
    const int64_t size = packed_size + parts.count() * (partial_size + scratch_size);
    Tensor memory;
    const absl::Status status = context->allocate_temp(tensorflow::DataTypeToEnum<W>::value, {size}, &memory);
    if (!status.ok()) return context->SetStatus(status);
    W* const packed = memory.flat<W>().data();
    W* const partials = packed + packed_size;
    W* const scratch = partials + parts.count() * partial_size;
    arrays.packed = packed;
    if (kernel.uses_packed) kernels.pack(p, arrays.kernel, packed);
    parts.each([&](int64_t part, int64_t begin, int64_t end) {
      cpu::Arrays<W> of_part = arrays;
      of_part.partial = partials + part * partial_size;
      std::fill_n(of_part.partial, partial_size, W(0));
      of_part.scratch = scratch + part * scratch_size;
      kernel.run(p, of_part, begin, end);
    });
    if (dkernel != nullptr) kernels.add_partials(p, partials, parts.count(), arrays.upstream, dkernel, dbias);
  }
};

#define TFNXC_REGISTER_OPERATION(name, T, result, kernel)                                             \
  REGISTER_KERNEL_BUILDER(Name("Tfnxc>" #name).Device(tensorflow::DEVICE_CPU).TypeConstraint<T>("T"), \
                          CpuOp<T, Result::result, &cpu::Kernels<Working<T>>::kernel>)
#define TFNXC_REGISTER(T)                                                                \
  TFNXC_REGISTER_OPERATION(NormXcorr, T, kMaps, forward);                                \
  TFNXC_REGISTER_OPERATION(NormXcorrGrad, T, kMapsGradient, gradient);                   \
  TFNXC_REGISTER_OPERATION(NormXcorrSummary, T, kSummary, summary);                      \
  TFNXC_REGISTER_OPERATION(NormXcorrSummaryGrad, T, kSummaryGradient, summary_gradient); \
  TFNXC_REGISTER_OPERATION(CrossInputSummary, T, kSummary, cross_input);                 \
  TFNXC_REGISTER_OPERATION(CrossInputSummaryGrad, T, kSummaryGradient, cross_input_gradient)

TFNXC_REGISTER(float);
TFNXC_REGISTER(double);
TFNXC_REGISTER(Eigen::half);
TFNXC_REGISTER(tensorflow::bfloat16);

}  // namespace
}  // namespace tfnxc

// Read by `tfnxc info`, which prints the instruction set in use.
extern "C" const char* tfnxc_cpu_kernels() { return tfnxc::cpu::best_kernels<float>()->name; }
