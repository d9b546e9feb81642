// The operations on a CPU: memory and threads are TensorFlow's.
#include <algorithm>
#include <type_traits>
#include <vector>

#include "tensorflow/core/framework/bfloat16.h"
#include "tensorflow/core/util/work_sharder.h"
#include "tensorflow/problem.h"

namespace tfnxc {
namespace {

using tensorflow::DataTypeToEnum;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;

// What the kernels compute in.
template <typename T>
using Working = std::conditional_t<std::is_same_v<T, double>, double, float>;

// Input `index` in the type that the kernels compute in: itself, or a copy held by `copy`.
template <typename T>
const Working<T>* read_input(OpKernelContext* context, int index, Tensor* copy) {
  const Tensor& input = context->input(index);
  if constexpr (std::is_same_v<T, Working<T>>) {
    return input.flat<T>().data();
  } else {
    const absl::Status status = context->allocate_temp(DataTypeToEnum<Working<T>>::value, input.shape(), copy);
    if (!status.ok()) {
      context->SetStatus(status);
      return nullptr;
    }
    copy->flat<Working<T>>() = input.flat<T>().template cast<Working<T>>();
    return copy->flat<Working<T>>().data();
  }
}

// Output `index` in the type that the kernels compute in; `finish` gives it to TensorFlow.
template <typename T>
class Output {
 public:
  Output(OpKernelContext* context, int index, const TensorShape& shape) {
    absl::Status status = context->allocate_output(index, shape, &output_);
    if constexpr (!std::is_same_v<T, Working<T>>) {
      if (status.ok()) status = context->allocate_temp(DataTypeToEnum<Working<T>>::value, shape, &copy_);
    }
    if (!status.ok()) context->SetStatus(status);
  }

  Working<T>* data() {
    if constexpr (std::is_same_v<T, Working<T>>) {
      return output_->flat<T>().data();
    } else {
      return copy_.flat<Working<T>>().data();
    }
  }

  void finish() {
    if constexpr (!std::is_same_v<T, Working<T>>) {
      output_->flat<T>() = copy_.flat<Working<T>>().template cast<T>();
    }
  }

 private:
  Tensor* output_ = nullptr;
  Tensor copy_;
};

// Scratch memory of `size` elements; null on an error, which the context then has.
template <typename T>
T* take_scratch(OpKernelContext* context, int64_t size, Tensor* holder) {
  const absl::Status status = context->allocate_temp(DataTypeToEnum<T>::value, TensorShape({size}), holder);
  if (!status.ok()) context->SetStatus(status);
  return status.ok() ? holder->flat<T>().data() : nullptr;
}

// How the items of a kernel are shared among TensorFlow's threads: in as many parts as there are threads, each one run of
// items, so that the same number of threads always adds the same numbers in the same order.
class Parts {
 public:
  Parts(OpKernelContext* context, int64_t items)
      : threads_(*context->device()->tensorflow_cpu_worker_threads()),
        items_(items),
        count_(std::max<int64_t>(1, std::min<int64_t>(items, threads_.num_threads))) {}

  int64_t count() const { return count_; }

  // Calls run(part, first item, end of items).
  template <typename Run>
  void each(Run run) const {
    constexpr int64_t kCost = 1000000000;  // cycles; so high that every part is worth a thread of its own
    const auto range = [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) run(part, items_ * part / count_, items_ * (part + 1) / count_);
    };
    tensorflow::Shard(threads_.num_threads, threads_.workers, count_, kCost, range);
  }

 private:
  const tensorflow::DeviceBase::CpuWorkerThreads& threads_;
  const int64_t items_, count_;
};

// Which images of the batches are the same, and tiles of at most `most` pairs that leave each thread some and are about
// equally large.
class FoundRepeats {
 public:
  template <typename T>
  FoundRepeats(const Problem& p, const T* x, const T* y, int64_t threads, int64_t most)
      : x_of_(p.batch), y_of_(p.batch) {
    const int64_t size = p.pixels() * p.channels * sizeof(T);
    cpu::find_repeats(x, p.batch, size, x_of_.data());
    cpu::find_repeats(y, p.batch, size, y_of_.data());
    const int64_t tiles = up(p.batch, std::clamp<int64_t>(p.batch / (2 * threads), 1, most));
    tile_ = std::max<int64_t>(1, up(p.batch, std::max<int64_t>(1, tiles)));
  }

  cpu::Repeats get() const { return {x_of_.data(), y_of_.data(), tile_}; }

 private:
  static int64_t up(int64_t number, int64_t divisor) { return (number + divisor - 1) / divisor; }
  std::vector<int64_t> x_of_, y_of_;
  int64_t tile_;
};

template <typename T>
class ForwardOp : public NormXcorrOp {
 public:
  using NormXcorrOp::NormXcorrOp;

  void Compute(OpKernelContext* context) override {
    const Problem p = forward_problem(context);
    if (!context->status().ok()) return;
    Tensor x_copy, y_copy, scratch_holder;
    const Working<T>* x = read_input<T>(context, 0, &x_copy);
    const Working<T>* y = read_input<T>(context, 1, &y_copy);
    Output<T> out(context, 0, shape_of_maps(p));
    if (!context->status().ok() || p.batch == 0) return;
    const auto& kernels = *cpu::best_kernels<Working<T>>();
    const Parts parts(context, cpu::forward_items(p));
    const int64_t size = kernels.forward_scratch(p);
    Working<T>* scratch = take_scratch<Working<T>>(context, parts.count() * size, &scratch_holder);
    if (scratch == nullptr) return;
    parts.each([&](int64_t part, int64_t begin, int64_t end) {
      kernels.forward(p, x, y, out.data(), scratch + part * size, begin, end);
    });
    out.finish();
  }
};

template <typename T>
class GradientOp : public NormXcorrOp {
 public:
  using NormXcorrOp::NormXcorrOp;

  void Compute(OpKernelContext* context) override {
    const Problem p = gradient_problem(context);
    if (!context->status().ok()) return;
    Tensor x_copy, y_copy, upstream_copy, scratch_holder;
    const Working<T>* x = read_input<T>(context, 0, &x_copy);
    const Working<T>* y = read_input<T>(context, 1, &y_copy);
    const Working<T>* upstream = read_input<T>(context, 2, &upstream_copy);
    Output<T> dx(context, 0, context->input(0).shape()), dy(context, 1, context->input(1).shape());
    if (!context->status().ok() || p.batch == 0) return;
    const auto& kernels = *cpu::best_kernels<Working<T>>();
    const Parts parts(context, cpu::gradient_items(p));
    const int64_t size = kernels.gradient_scratch(p);
    Working<T>* scratch = take_scratch<Working<T>>(context, parts.count() * size, &scratch_holder);
    if (scratch == nullptr) return;
    parts.each([&](int64_t part, int64_t begin, int64_t end) {
      kernels.gradient(p, x, y, upstream, dx.data(), dy.data(), scratch + part * size, begin, end);
    });
    dx.finish();
    dy.finish();
  }
};

template <typename T>
class SummaryOp : public NormXcorrOp {
 public:
  using NormXcorrOp::NormXcorrOp;

  void Compute(OpKernelContext* context) override {
    const Problem p = summary_problem(context);
    if (!context->status().ok()) return;
    Tensor x_copy, y_copy, kernel_copy, bias_copy, packed_holder, scratch_holder;
    const Working<T>* x = read_input<T>(context, 0, &x_copy);
    const Working<T>* y = read_input<T>(context, 1, &y_copy);
    const Working<T>* kernel = read_input<T>(context, 2, &kernel_copy);
    const Working<T>* bias = read_input<T>(context, 3, &bias_copy);
    Output<T> out(context, 0, shape_of_summary(p));
    if (!context->status().ok() || p.batch == 0) return;
    const auto& kernels = *cpu::best_kernels<Working<T>>();
    const FoundRepeats repeats(p, x, y, Parts(context, p.batch).count(), cpu::kMostPairs);
    const Parts parts(context, cpu::summary_items(p, repeats.get()));
    const int64_t size = kernels.summary_scratch(p);
    Working<T>* packed = take_scratch<Working<T>>(context, kernels.packed_size(p), &packed_holder);
    if (packed == nullptr) return;
    Working<T>* scratch = take_scratch<Working<T>>(context, parts.count() * size, &scratch_holder);
    if (scratch == nullptr) return;
    kernels.pack(p, kernel, packed);
    parts.each([&](int64_t part, int64_t begin, int64_t end) {
      kernels.summary(p, x, y, repeats.get(), packed, bias, out.data(), scratch + part * size, begin, end);
    });
    out.finish();
  }
};

template <typename T>
class SummaryGradientOp : public NormXcorrOp {
 public:
  using NormXcorrOp::NormXcorrOp;

  void Compute(OpKernelContext* context) override {
    const Problem p = summary_gradient_problem(context);
    if (!context->status().ok()) return;
    Tensor x_copy, y_copy, kernel_copy, upstream_copy, packed_holder, partials_holder, scratch_holder;
    const Working<T>* x = read_input<T>(context, 0, &x_copy);
    const Working<T>* y = read_input<T>(context, 1, &y_copy);
    const Working<T>* kernel = read_input<T>(context, 2, &kernel_copy);
    const Working<T>* upstream = read_input<T>(context, 3, &upstream_copy);
    Output<T> dx(context, 0, context->input(0).shape()), dy(context, 1, context->input(1).shape());
    Output<T> dkernel(context, 2, shape_of_kernel(p)), dbias(context, 3, TensorShape({p.filters}));
    if (!context->status().ok()) return;
    const auto& kernels = *cpu::best_kernels<Working<T>>();
    const FoundRepeats repeats(p, x, y, Parts(context, p.batch).count(), cpu::kMostGradientPairs);
    const Parts parts(context, cpu::summary_gradient_items(p, repeats.get()));
    const int64_t size = kernels.summary_gradient_scratch(p), partial_size = kernels.partial_size(p);
    Working<T>* packed = take_scratch<Working<T>>(context, kernels.packed_size(p), &packed_holder);
    if (packed == nullptr) return;
    Working<T>* partials = take_scratch<Working<T>>(context, parts.count() * partial_size, &partials_holder);
    if (partials == nullptr) return;
    Working<T>* scratch = take_scratch<Working<T>>(context, parts.count() * size, &scratch_holder);
    if (scratch == nullptr) return;
    kernels.pack(p, kernel, packed);
    std::fill(partials, partials + parts.count() * partial_size, Working<T>(0));
    parts.each([&](int64_t part, int64_t begin, int64_t end) {
      kernels.summary_gradient(p, x, y, repeats.get(), packed, upstream, dx.data(), dy.data(),
                               partials + part * partial_size, scratch + part * size, begin, end);
    });
    kernels.add_partials(p, partials, parts.count(), upstream, dkernel.data(), dbias.data());
    for (Output<T>* output : {&dx, &dy, &dkernel, &dbias}) output->finish();
  }
};

template <typename T>
class CrossInputSummaryOp : public CrossInputOp {
 public:
  using CrossInputOp::CrossInputOp;

  void Compute(OpKernelContext* context) override {
    const Problem p = summary_problem(context);
    if (!context->status().ok()) return;
    Tensor x_copy, y_copy, kernel_copy, bias_copy, packed_holder, scratch_holder;
    const Working<T>* x = read_input<T>(context, 0, &x_copy);
    const Working<T>* y = read_input<T>(context, 1, &y_copy);
    const Working<T>* kernel = read_input<T>(context, 2, &kernel_copy);
    const Working<T>* bias = read_input<T>(context, 3, &bias_copy);
    Output<T> out(context, 0, shape_of_summary(p));
    if (!context->status().ok() || p.batch == 0) return;
    const auto& kernels = *cpu::best_kernels<Working<T>>();
    const Parts parts(context, cpu::forward_items(p));
    const int64_t size = kernels.cross_input_scratch(p);
    Working<T>* packed = take_scratch<Working<T>>(context, kernels.packed_size(p), &packed_holder);
    if (packed == nullptr) return;
    Working<T>* scratch = take_scratch<Working<T>>(context, parts.count() * size, &scratch_holder);
    if (scratch == nullptr) return;
    kernels.pack(p, kernel, packed);
    parts.each([&](int64_t part, int64_t begin, int64_t end) {
      kernels.cross_input(p, x, y, packed, bias, out.data(), scratch + part * size, begin, end);
    });
    out.finish();
  }
};

template <typename T>
class CrossInputSummaryGradientOp : public CrossInputOp {
 public:
  using CrossInputOp::CrossInputOp;

  void Compute(OpKernelContext* context) override {
    const Problem p = summary_gradient_problem(context);
    if (!context->status().ok()) return;
    Tensor x_copy, y_copy, kernel_copy, upstream_copy, partials_holder, scratch_holder;
    const Working<T>* x = read_input<T>(context, 0, &x_copy);
    const Working<T>* y = read_input<T>(context, 1, &y_copy);
    const Working<T>* kernel = read_input<T>(context, 2, &kernel_copy);
    const Working<T>* upstream = read_input<T>(context, 3, &upstream_copy);
    Output<T> dx(context, 0, context->input(0).shape()), dy(context, 1, context->input(1).shape());
    Output<T> dkernel(context, 2, shape_of_kernel(p)), dbias(context, 3, TensorShape({p.filters}));
    if (!context->status().ok()) return;
    const auto& kernels = *cpu::best_kernels<Working<T>>();
    const Parts parts(context, cpu::gradient_items(p));
    const int64_t size = kernels.cross_input_gradient_scratch(p), partial_size = kernels.partial_size(p);
    Working<T>* partials = take_scratch<Working<T>>(context, parts.count() * partial_size, &partials_holder);
    if (partials == nullptr) return;
    Working<T>* scratch = take_scratch<Working<T>>(context, parts.count() * size, &scratch_holder);
    if (scratch == nullptr) return;
    std::fill(partials, partials + parts.count() * partial_size, Working<T>(0));
    parts.each([&](int64_t part, int64_t begin, int64_t end) {
      kernels.cross_input_gradient(p, x, y, kernel, upstream, dx.data(), dy.data(), partials + part * partial_size,
                                   scratch + part * size, begin, end);
    });
    kernels.add_partials(p, partials, parts.count(), upstream, dkernel.data(), dbias.data());
    for (Output<T>* output : {&dx, &dy, &dkernel, &dbias}) output->finish();
  }
};

#define TFNXC_ON_CPU(name, T) Name(name).Device(tensorflow::DEVICE_CPU).TypeConstraint<T>("T")
#define TFNXC_REGISTER(T)                                                                               \
  REGISTER_KERNEL_BUILDER(TFNXC_ON_CPU("Tfnxc>NormXcorr", T), ForwardOp<T>);                            \
  REGISTER_KERNEL_BUILDER(TFNXC_ON_CPU("Tfnxc>NormXcorrGrad", T), GradientOp<T>);                       \
  REGISTER_KERNEL_BUILDER(TFNXC_ON_CPU("Tfnxc>NormXcorrSummary", T), SummaryOp<T>);                     \
  REGISTER_KERNEL_BUILDER(TFNXC_ON_CPU("Tfnxc>NormXcorrSummaryGrad", T), SummaryGradientOp<T>);         \
  REGISTER_KERNEL_BUILDER(TFNXC_ON_CPU("Tfnxc>CrossInputSummary", T), CrossInputSummaryOp<T>);          \
  REGISTER_KERNEL_BUILDER(TFNXC_ON_CPU("Tfnxc>CrossInputSummaryGrad", T), CrossInputSummaryGradientOp<T>)

TFNXC_REGISTER(float);
TFNXC_REGISTER(double);
TFNXC_REGISTER(Eigen::half);
TFNXC_REGISTER(tensorflow::bfloat16);

}  // namespace
}  // namespace tfnxc

// Read by `tfnxc info`, which names the instruction set in use.
extern "C" const char* tfnxc_cpu_kernels() { return tfnxc::cpu::best_kernels<float>()->name; }
