// The operations on a GPU, with memory and the stream from TensorFlow, and the kernels of cuda/.
#define EIGEN_USE_GPU

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

#include <utility>
#include <vector>

#include "tensorflow/core/framework/bfloat16.h"
#include "tensorflow/window_op.h"

namespace tfnxc {
namespace {

using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;

// CUDA's type for one of TensorFlow's.
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

template <typename T, Result kResult, auto kWorkspace, auto kFunction>
class GpuOp : public WindowOp {
 public:
  explicit GpuOp(OpKernelConstruction* construction) : WindowOp(construction, kResult) {}

 private:
  void run(OpKernelContext* context, const Problem& p, const std::vector<Tensor*>& outputs) const override {
    Tensor workspace;
    const int64_t size = static_cast<int64_t>(kWorkspace(p)) + 1;  // never empty
    const absl::Status status = context->allocate_temp(tensorflow::DT_UINT8, {size}, &workspace);
    if (!status.ok()) return context->SetStatus(status);
    const int error =
        call(context, p, outputs, workspace.flat<uint8_t>().data(), std::make_index_sequence<input_count(kResult)>(),
             std::make_index_sequence<output_count(kResult)>());
    if (error == 0) return;
    const char* text = cudaGetErrorString(static_cast<cudaError_t>(error));
    context->SetStatus(absl::InternalError(absl::StrCat("a CUDA kernel of tfnxc failed: ", text)));
  }

  template <size_t... kInputs, size_t... kOutputs>
  static int call(OpKernelContext* context, const Problem& p, const std::vector<Tensor*>& outputs, void* workspace,
                  std::index_sequence<kInputs...>, std::index_sequence<kOutputs...>) {
    return kFunction(p, data<T>(context->input(kInputs))..., data<T>(outputs[kOutputs])..., workspace,
                     context->eigen_gpu_device().stream());
  }
};

#define TFNXC_REGISTER_OPERATION(name, T, result, function)                                           \
  REGISTER_KERNEL_BUILDER(Name("Tfnxc>" #name).Device(tensorflow::DEVICE_GPU).TypeConstraint<T>("T"), \
                          GpuOp<T, Result::result, cuda::function##_workspace<Device<T>>, cuda::function<Device<T>>>)
#define TFNXC_REGISTER(T)                                              \
  TFNXC_REGISTER_OPERATION(NormXcorr, T, kMaps, forward);              \
  TFNXC_REGISTER_OPERATION(NormXcorrGrad, T, kMapsGradient, gradient); \
  TFNXC_REGISTER_OPERATION(NormXcorrSummary, T, kSummary, summary);    \
  TFNXC_REGISTER_OPERATION(NormXcorrSummaryGrad, T, kSummaryGradient, summary_gradient)

TFNXC_REGISTER(float);
TFNXC_REGISTER(double);
TFNXC_REGISTER(Eigen::half);
TFNXC_REGISTER(tensorflow::bfloat16);

}  // namespace
}  // namespace tfnxc
