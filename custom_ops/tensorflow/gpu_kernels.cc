// The operations on a GPU: memory and the stream are TensorFlow's, the work is queued by the functions of cuda/.
#define EIGEN_USE_GPU

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

#include <type_traits>

#include "tensorflow/core/framework/bfloat16.h"
#include "tensorflow/problem.h"

namespace tfnxc {
namespace {

using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;

// TensorFlow's type, as CUDA calls it.
template <typename T>
struct OnDevice {
  using Type = T;
};
template <>
struct OnDevice<Eigen::half> {
  using Type = __half;
};
template <>
struct OnDevice<tensorflow::bfloat16> {
  using Type = __nv_bfloat16;
};
template <typename T>
using Device = typename OnDevice<T>::Type;

template <typename T>
const Device<T>* data(const Tensor& tensor) {
  return reinterpret_cast<const Device<T>*>(tensor.flat<T>().data());
}
template <typename T>
Device<T>* data(Tensor* tensor) {
  return reinterpret_cast<Device<T>*>(tensor->flat<T>().data());
}

cudaStream_t stream_of(OpKernelContext* context) { return context->eigen_gpu_device().stream(); }

// Device memory of that many bytes; null on an error, which the context then has.
void* take_workspace(OpKernelContext* context, size_t bytes, Tensor* holder) {
  const TensorShape shape({static_cast<int64_t>(bytes) + 1});  // never empty
  const absl::Status status = context->allocate_temp(tensorflow::DT_UINT8, shape, holder);
  if (!status.ok()) context->SetStatus(status);
  return status.ok() ? holder->flat<uint8_t>().data() : nullptr;
}

void check(OpKernelContext* context, int error) {
  if (error != 0) {
    const char* text = cudaGetErrorString(static_cast<cudaError_t>(error));
    context->SetStatus(absl::InternalError(absl::StrCat("a CUDA kernel of tfnxc failed: ", text)));
  }
}

template <typename T>
class ForwardOp : public NormXcorrOp {
 public:
  using NormXcorrOp::NormXcorrOp;

  void Compute(OpKernelContext* context) override {
    const Problem p = forward_problem(context);
    if (!context->status().ok()) return;
    Tensor *out = nullptr, holder;
    OP_REQUIRES_OK(context, context->allocate_output(0, shape_of_maps(p), &out));
    if (p.batch == 0) return;
    void* workspace = take_workspace(context, cuda::forward_workspace<Device<T>>(p), &holder);
    if (workspace == nullptr) return;
    check(context, cuda::forward(p, data<T>(context->input(0)), data<T>(context->input(1)), data<T>(out), workspace,
                                 stream_of(context)));
  }
};

template <typename T>
class GradientOp : public NormXcorrOp {
 public:
  using NormXcorrOp::NormXcorrOp;

  void Compute(OpKernelContext* context) override {
    const Problem p = gradient_problem(context);
    if (!context->status().ok()) return;
    Tensor *dx = nullptr, *dy = nullptr, holder;
    OP_REQUIRES_OK(context, context->allocate_output(0, context->input(0).shape(), &dx));
    OP_REQUIRES_OK(context, context->allocate_output(1, context->input(1).shape(), &dy));
    if (p.batch == 0) return;
    void* workspace = take_workspace(context, cuda::gradient_workspace<Device<T>>(p), &holder);
    if (workspace == nullptr) return;
    check(context, cuda::gradient(p, data<T>(context->input(0)), data<T>(context->input(1)),
                                  data<T>(context->input(2)), data<T>(dx), data<T>(dy), workspace,
                                  stream_of(context)));
  }
};

template <typename T>
class SummaryOp : public NormXcorrOp {
 public:
  using NormXcorrOp::NormXcorrOp;

  void Compute(OpKernelContext* context) override {
    const Problem p = summary_problem(context);
    if (!context->status().ok()) return;
    Tensor *out = nullptr, holder;
    OP_REQUIRES_OK(context, context->allocate_output(0, shape_of_summary(p), &out));
    if (p.batch == 0) return;
    void* workspace = take_workspace(context, cuda::summary_workspace<Device<T>>(p), &holder);
    if (workspace == nullptr) return;
    check(context, cuda::summary(p, data<T>(context->input(0)), data<T>(context->input(1)),
                                 data<T>(context->input(2)), data<T>(context->input(3)), data<T>(out), workspace,
                                 stream_of(context)));
  }
};

template <typename T>
class SummaryGradientOp : public NormXcorrOp {
 public:
  using NormXcorrOp::NormXcorrOp;

  void Compute(OpKernelContext* context) override {
    const Problem p = summary_gradient_problem(context);
    if (!context->status().ok()) return;
    Tensor *dx = nullptr, *dy = nullptr, *dkernel = nullptr, *dbias = nullptr, holder;
    OP_REQUIRES_OK(context, context->allocate_output(0, context->input(0).shape(), &dx));
    OP_REQUIRES_OK(context, context->allocate_output(1, context->input(1).shape(), &dy));
    OP_REQUIRES_OK(context, context->allocate_output(2, shape_of_kernel(p), &dkernel));
    OP_REQUIRES_OK(context, context->allocate_output(3, TensorShape({p.filters}), &dbias));
    void* workspace = take_workspace(context, cuda::summary_gradient_workspace<Device<T>>(p), &holder);
    if (workspace == nullptr) return;
    check(context, cuda::summary_gradient(p, data<T>(context->input(0)), data<T>(context->input(1)),
                                          data<T>(context->input(2)), data<T>(context->input(3)), data<T>(dx), data<T>(dy),
                                          data<T>(dkernel), data<T>(dbias), workspace, stream_of(context)));
  }
};

#define TFNXC_ON_GPU(name, T) \
  Name(name).Device(tensorflow::DEVICE_GPU).HostMemory("epsilon").TypeConstraint<T>("T")
#define TFNXC_REGISTER(T)                                                              \
  REGISTER_KERNEL_BUILDER(TFNXC_ON_GPU("Tfnxc>NormXcorr", T), ForwardOp<T>);           \
  REGISTER_KERNEL_BUILDER(TFNXC_ON_GPU("Tfnxc>NormXcorrGrad", T), GradientOp<T>);      \
  REGISTER_KERNEL_BUILDER(TFNXC_ON_GPU("Tfnxc>NormXcorrSummary", T), SummaryOp<T>);    \
  REGISTER_KERNEL_BUILDER(TFNXC_ON_GPU("Tfnxc>NormXcorrSummaryGrad", T), SummaryGradientOp<T>)

TFNXC_REGISTER(float);
TFNXC_REGISTER(double);
TFNXC_REGISTER(Eigen::half);
TFNXC_REGISTER(tensorflow::bfloat16);

}  // namespace
}  // namespace tfnxc
