// What the operations share on every device: attributes, checks of the inputs, and outputs.
#ifndef TFNXC_TENSORFLOW_WINDOW_OP_H_
#define TFNXC_TENSORFLOW_WINDOW_OP_H_

#include <string.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {

// What an operation computes. Its inputs of type T and its outputs, as in ops.cc:
enum class Result {
  kMaps,             // x, y -> maps
  kMapsGradient,     // x, y, upstream -> dx, dy
  kSummary,          // x, y, kernel, bias -> summary
  kSummaryGradient,  // x, y, kernel, upstream -> dx, dy, dkernel, dbias
};
constexpr bool of_summary(Result result) { return result == Result::kSummary || result == Result::kSummaryGradient; }
constexpr bool is_gradient(Result result) {
  return result == Result::kMapsGradient || result == Result::kSummaryGradient;
}
constexpr int input_count(Result result) { return of_summary(result) ? 4 : is_gradient(result) ? 3 : 2; }
constexpr int output_count(Result result) { return !is_gradient(result) ? 1 : of_summary(result) ? 4 : 2; }

// The skeleton of all operations. A device derives from it and implements `run`.
class WindowOp : public tensorflow::OpKernel {
 public:
  WindowOp(tensorflow::OpKernelConstruction* construction, Result result) : OpKernel(construction), result_(result) {
    read_pair(construction, "search_size", &attributes_.rows, &attributes_.columns);
    correlates_ = construction->HasAttr("patch_size");
    if (correlates_) {
      read_pair(construction, "patch_size", &attributes_.patch_height, &attributes_.patch_width);
      int64_t bits = 0;
      OP_REQUIRES_OK(construction, construction->GetAttr("epsilon", &bits));
      memcpy(&attributes_.epsilon, &bits, sizeof bits);
    }
    if (construction->HasAttr("gradient")) {
      std::string gradient;
      OP_REQUIRES_OK(construction, construction->GetAttr("gradient", &gradient));
      attributes_.published = gradient == "published";
    }
  }

  void Compute(tensorflow::OpKernelContext* context) final {
    Problem p = attributes_;
    absl::Status status = read_problem(context, &p);
    std::vector<tensorflow::Tensor*> outputs;
    int64_t elements = 0;
    if (status.ok()) {
      for (const tensorflow::TensorShape& shape : output_shapes(p)) {
        outputs.push_back(nullptr);
        status.Update(context->allocate_output(int(outputs.size()) - 1, shape, &outputs.back()));
        elements += shape.num_elements();
      }
    }
    if (!status.ok()) {
      context->SetStatus(status);
    } else if (elements > 0) {
      run(context, p, outputs);
    }
  }

 protected:
  // Writes the outputs, of which at least one has elements. Errors go to the context.
  virtual void run(tensorflow::OpKernelContext* context, const Problem& p,
                   const std::vector<tensorflow::Tensor*>& outputs) const = 0;

 private:
  static void read_pair(tensorflow::OpKernelConstruction* construction, const char* name, int64_t* first,
                        int64_t* second) {
    std::vector<int64_t> pair;
    OP_REQUIRES_OK(construction, construction->GetAttr(name, &pair));
    OP_REQUIRES(construction, pair.size() == 2, absl::InvalidArgumentError(absl::StrCat(name, " is two integers.")));
    *first = pair[0];
    *second = pair[1];
  }

  // Completes the attributes with the sizes, and checks all of them and the shapes of the inputs.
  absl::Status read_problem(tensorflow::OpKernelContext* context, Problem* p) const {
    const tensorflow::TensorShape &x = context->input(0).shape(), &y = context->input(1).shape();
    const std::string got = " Got " + x.DebugString() + " and " + y.DebugString() + ".";
    if (x.dims() != 4 || x != y) {
      return error(absl::StrCat("takes two maps of one shape (batch, height, width, channels).", got));
    }
    p->batch = x.dim_size(0);
    p->height = x.dim_size(1);
    p->width = x.dim_size(2);
    p->channels = x.dim_size(3);
    if (of_summary(result_)) {
      const tensorflow::TensorShape& kernel = context->input(2).shape();
      p->filters = kernel.dims() == 2 ? kernel.dim_size(1) : 0;
    }
    const char* wrong = correlates_ ? find_error(*p, !of_summary(result_)) : find_cross_input_error(*p);
    if (wrong != nullptr) return error(absl::StrCat("cannot run: ", wrong, ".", got));
    absl::Status status;
    if (of_summary(result_)) status = check_shape(context, 2, shape_of_kernel(*p));
    if (result_ == Result::kSummary) status.Update(check_shape(context, 3, {p->filters}));
    if (is_gradient(result_)) status.Update(check_shape(context, input_count(result_) - 1, shape_of_result(*p)));
    return status;
  }

  absl::Status check_shape(tensorflow::OpKernelContext* context, int input,
                           const tensorflow::TensorShape& expected) const {
    const tensorflow::TensorShape& shape = context->input(input).shape();
    if (shape == expected) return absl::OkStatus();
    return error(absl::StrCat("takes a tensor of shape ", expected.DebugString(), " as input ", input, "; got ",
                              shape.DebugString(), "."));
  }

  absl::Status error(absl::string_view text) const {
    return absl::InvalidArgumentError(absl::StrCat(type_string(), " ", text));
  }

  std::vector<tensorflow::TensorShape> output_shapes(const Problem& p) const {
    if (!is_gradient(result_)) return {shape_of_result(p)};
    const tensorflow::TensorShape maps({p.batch, p.height, p.width, p.channels});
    if (!of_summary(result_)) return {maps, maps};
    return {maps, maps, shape_of_kernel(p), {p.filters}};
  }
  // Of the maps or the summary, and of their upstream gradient.
  tensorflow::TensorShape shape_of_result(const Problem& p) const {
    return {p.batch, p.height, p.width, of_summary(result_) ? p.filters : p.maps()};
  }
  static tensorflow::TensorShape shape_of_kernel(const Problem& p) { return {p.maps(), p.filters}; }

  const Result result_;
  bool correlates_;  // the correlation, not the differences: it has patches and epsilon
  Problem attributes_{};
};

}  // namespace tfnxc

#endif  // TFNXC_TENSORFLOW_WINDOW_OP_H_
