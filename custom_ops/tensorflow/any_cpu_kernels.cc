// The operations of any geometry on a CPU, with memory and threads from TensorFlow.
#include <string.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tensorflow/cpu_threads.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace {

using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;

// The inputs and outputs are those of ops.cc.
template <typename T, bool kGradient>
class AnyCpuOp : public tensorflow::OpKernel {
 public:
  explicit AnyCpuOp(OpKernelConstruction* construction) : OpKernel(construction) {
    read_pair(construction, "patch_size", &Axis::patch);
    read_pair(construction, "search_size", &Axis::window);
    read_pair(construction, "stride", &Axis::stride);
    read_pair(construction, "dilation", &Axis::dilation);
    std::string padding, gradient;
    OP_REQUIRES_OK(construction, construction->GetAttr("padding", &padding));
    attributes_.rows.padding = attributes_.columns.padding =
        padding == "same" ? Padding::kSame : padding == "valid" ? Padding::kValid : Padding::kMasked;
    int64_t bits = 0;
    OP_REQUIRES_OK(construction, construction->GetAttr("epsilon", &bits));
    memcpy(&attributes_.epsilon, &bits, sizeof bits);
    int weights = 0;
    OP_REQUIRES_OK(construction, construction->GetAttr("reductions", &weights));
    OP_REQUIRES(construction, weights <= 1, absl::InvalidArgumentError("weights are one tensor, or none."));
    attributes_.reduced = weights == 1;
    if (!kGradient) return;
    OP_REQUIRES_OK(construction, construction->GetAttr("gradient", &gradient));
    attributes_.published = gradient == "published";
  }

  void Compute(OpKernelContext* context) final {
    AnyProblem p = attributes_;
    absl::Status status = read_problem(context, &p);
    std::vector<Tensor*> outputs;
    const auto output = [&](const TensorShape& shape) {
      if (!status.ok()) return;
      outputs.push_back(nullptr);
      status = context->allocate_output(int(outputs.size()) - 1, shape, &outputs.back());
    };
    if (kGradient) {
      output(context->input(0).shape());
      output(context->input(1).shape());
      if (p.reduced) output(context->input(2).shape());
    } else {
      output(shape_of_products(p));
    }
    if (status.ok()) status = run(context, p, outputs);
    if (!status.ok()) context->SetStatus(status);
  }

 private:
  void read_pair(OpKernelConstruction* construction, const char* name, int64_t Axis::* field) {
    std::vector<int64_t> pair;
    OP_REQUIRES_OK(construction, construction->GetAttr(name, &pair));
    OP_REQUIRES(construction, pair.size() == 2, absl::InvalidArgumentError(absl::StrCat(name, " is two integers.")));
    attributes_.rows.*field = pair[0];
    attributes_.columns.*field = pair[1];
  }

  // Completes the attributes with the sizes, and checks all of them and the shapes of the inputs.
  absl::Status read_problem(OpKernelContext* context, AnyProblem* p) const {
    const TensorShape &x = context->input(0).shape(), &y = context->input(1).shape();
    const std::string got = " Got " + x.DebugString() + " and " + y.DebugString() + ".";
    if (x.dims() != 4 || y.dims() != 4 || x.dim_size(3) != y.dim_size(3)) {
      return error(absl::StrCat("takes two maps (batch, height, width, channels) of the same channels.", got));
    }
    p->x_batch = x.dim_size(0);
    p->y_batch = y.dim_size(0);
    p->rows.x = x.dim_size(1);
    p->rows.y = y.dim_size(1);
    p->columns.x = x.dim_size(2);
    p->columns.y = y.dim_size(2);
    p->channels = x.dim_size(3);
    const char* wrong = find_any_error(*p);
    if (wrong != nullptr) return error(absl::StrCat("cannot run: ", wrong, ".", got));
    absl::Status status;
    if (p->reduced) status = check_shape(context, 2, {p->channels});
    if (kGradient) status.Update(check_shape(context, context->num_inputs() - 1, shape_of_products(*p)));
    return status;
  }

  absl::Status check_shape(OpKernelContext* context, int input, const TensorShape& expected) const {
    const TensorShape& shape = context->input(input).shape();
    if (shape == expected) return absl::OkStatus();
    return error(absl::StrCat("takes a tensor of shape ", expected.DebugString(), " as input ", input, "; got ",
                              shape.DebugString(), "."));
  }

  absl::Status error(absl::string_view text) const {
    return absl::InvalidArgumentError(absl::StrCat(type_string(), " ", text));
  }

  static TensorShape shape_of_products(const AnyProblem& p) {
    return {p.batch(), p.rows.positions(), p.columns.positions(), p.groups(), p.rows.window_size(),
            p.columns.window_size()};
  }

  // Runs the kernel in all threads. Then adds up the gradients of the weights, those of each image in order.
  absl::Status run(OpKernelContext* context, const AnyProblem& p, const std::vector<Tensor*>& outputs) const {
    const tensorflow::port::ScopedFlushDenormal flush;  // of this thread, as in all others
    const cpu::AnyKernel<T>& kernel =
        kGradient ? cpu::best_kernels<T>()->any_gradient : cpu::best_kernels<T>()->any_forward;
    const int64_t threads = threads_of(context), images = cpu::images_apart(p);
    cpu::AnyArrays<T> arrays{};
    arrays.x = data(context->input(0));
    arrays.y = data(context->input(1));
    if (p.reduced) arrays.weights = data(context->input(2));
    arrays.row_blocks = shares(cpu::fewest_row_blocks(p), p.rows.positions(), p.batch(), threads);
    arrays.chunks = shares(cpu::fewest_chunks(p), p.channels, images, threads);
    const Parts parts(context, kGradient ? cpu::gradient_items(p, arrays.chunks)
                                         : cpu::forward_items(p, arrays.row_blocks));
    const int64_t of_weights = kGradient && p.reduced ? images * p.channels : 0;
    const int64_t scratch_size = kernel.scratch_size(p);
    Tensor memory;
    TF_RETURN_IF_ERROR(context->allocate_temp(tensorflow::DataTypeToEnum<T>::value,
                                              {of_weights + parts.count() * scratch_size}, &memory));
    T* const scratch = memory.flat<T>().data() + of_weights;
    if (kGradient) {
      arrays.upstream = data(context->input(context->num_inputs() - 1));
      arrays.dx = outputs[0]->flat<T>().data();
      arrays.dy = outputs[1]->flat<T>().data();
      arrays.dweights = memory.flat<T>().data();
    } else {
      arrays.out = outputs[0]->flat<T>().data();
    }
    parts.each([&](int64_t part, int64_t begin, int64_t end) {
      cpu::AnyArrays<T> of_part = arrays;
      of_part.scratch = scratch + part * scratch_size;
      kernel.run(p, of_part, begin, end);
    });
    if (of_weights == 0) return absl::OkStatus();
    T* const dweights = outputs[2]->flat<T>().data();
    for (int64_t channel = 0; channel < p.channels; ++channel) {
      dweights[channel] = 0;
      for (int64_t image = 0; image < images; ++image) {
        dweights[channel] += arrays.dweights[image * p.channels + channel];
      }
    }
    return absl::OkStatus();
  }

  static const T* data(const Tensor& tensor) { return tensor.flat<T>().data(); }

  AnyProblem attributes_{};
};

#define TFNXC_REGISTER(T)                                                                                     \
  REGISTER_KERNEL_BUILDER(Name("Tfnxc>NormXcorrAny").Device(tensorflow::DEVICE_CPU).TypeConstraint<T>("T"),     \
                          AnyCpuOp<T, false>);                                                                \
  REGISTER_KERNEL_BUILDER(Name("Tfnxc>NormXcorrAnyGrad").Device(tensorflow::DEVICE_CPU).TypeConstraint<T>("T"), \
                          AnyCpuOp<T, true>)

TFNXC_REGISTER(float);
TFNXC_REGISTER(double);

}  // namespace
}  // namespace tfnxc
