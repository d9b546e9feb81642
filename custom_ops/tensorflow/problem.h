// From a TensorFlow operation's attributes and inputs to the kernels' Problem, checked.
#ifndef TFNXC_TENSORFLOW_PROBLEM_H_
#define TFNXC_TENSORFLOW_PROBLEM_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {

// What all operations share: x and y are inputs 0 and 1.
class WindowOp : public tensorflow::OpKernel {
 public:
  explicit WindowOp(tensorflow::OpKernelConstruction* construction) : OpKernel(construction) {
    std::vector<int64_t> search_size;
    OP_REQUIRES_OK(construction, construction->GetAttr("search_size", &search_size));
    OP_REQUIRES(construction, search_size.size() == 2,
                absl::InvalidArgumentError("search_size is two integers."));
    attributes_.rows = search_size[0];
    attributes_.columns = search_size[1];
  }

 protected:
  // The attributes with the sizes of the maps; on an error the context's status says what is wrong.
  Problem read_maps(tensorflow::OpKernelContext* context, int64_t filters) const {
    const tensorflow::Tensor &x = context->input(0), &y = context->input(1);
    Problem problem = attributes_;
    if (x.dims() != 4 || x.shape() != y.shape()) {
      set_error(context, absl::StrCat("takes two maps of one shape (batch, height, width, channels).", shapes(context)));
      return problem;
    }
    problem.batch = x.dim_size(0);
    problem.height = x.dim_size(1);
    problem.width = x.dim_size(2);
    problem.channels = x.dim_size(3);
    problem.filters = filters;
    return problem;
  }

  // The status of what find_error said.
  void check_problem(tensorflow::OpKernelContext* context, const char* error) const {
    if (error != nullptr) set_error(context, absl::StrCat("cannot run: ", error, ".", shapes(context)));
  }

  // Checks the shape of an input.
  void check_shape(tensorflow::OpKernelContext* context, int input, const tensorflow::TensorShape& expected) const {
    const tensorflow::TensorShape& shape = context->input(input).shape();
    if (shape == expected) return;
    set_error(context, absl::StrCat("takes a tensor of shape ", expected.DebugString(), " as input ", input, "; got ",
                                    shape.DebugString(), "."));
  }

  void set_error(tensorflow::OpKernelContext* context, absl::string_view error) const {
    context->SetStatus(absl::InvalidArgumentError(absl::StrCat(type_string(), " ", error)));
  }

  Problem attributes_{};

 private:
  static std::string shapes(tensorflow::OpKernelContext* context) {
    return " Got " + context->input(0).shape().DebugString() + " and " + context->input(1).shape().DebugString() + ".";
  }
};

// The operations of the normalized correlation: epsilon is the last input.
class NormXcorrOp : public WindowOp {
 public:
  explicit NormXcorrOp(tensorflow::OpKernelConstruction* construction) : WindowOp(construction) {
    std::vector<int64_t> patch_size;
    OP_REQUIRES_OK(construction, construction->GetAttr("patch_size", &patch_size));
    OP_REQUIRES(construction, patch_size.size() == 2, absl::InvalidArgumentError("patch_size is two integers."));
    attributes_.patch_height = patch_size[0];
    attributes_.patch_width = patch_size[1];
    if (construction->HasAttr("gradient")) {
      std::string gradient;
      OP_REQUIRES_OK(construction, construction->GetAttr("gradient", &gradient));
      attributes_.published = gradient == "published";
    }
  }

 protected:
  // The problem of an operation's inputs, on any device; on an error the context's status says what is wrong.
  Problem forward_problem(tensorflow::OpKernelContext* context) const { return read_problem(context, 0, true); }

  Problem gradient_problem(tensorflow::OpKernelContext* context) const {
    const Problem p = read_problem(context, 0, true);
    if (context->status().ok()) check_shape(context, 2, {p.batch, p.height, p.width, p.maps()});
    return p;
  }

  Problem summary_problem(tensorflow::OpKernelContext* context) const {
    const Problem p = read_problem(context, context->input(3).NumElements(), false);
    if (context->status().ok()) check_shape(context, 2, {p.maps(), p.filters});
    return p;
  }

  Problem summary_gradient_problem(tensorflow::OpKernelContext* context) const {
    const tensorflow::Tensor& upstream = context->input(3);
    const Problem p = read_problem(context, upstream.dims() == 4 ? upstream.dim_size(3) : 0, false);
    if (context->status().ok()) check_shape(context, 2, {p.maps(), p.filters});
    if (context->status().ok()) check_shape(context, 3, {p.batch, p.height, p.width, p.filters});
    return p;
  }

 private:
  Problem read_problem(tensorflow::OpKernelContext* context, int64_t filters, bool writes_maps) const {
    const tensorflow::Tensor& epsilon = context->input(context->num_inputs() - 1);
    Problem problem = read_maps(context, filters);
    if (!context->status().ok()) return problem;
    if (epsilon.dims() != 0) {
      set_error(context, "takes one number as epsilon.");
      return problem;
    }
    problem.epsilon = epsilon.scalar<double>()();
    check_problem(context, find_error(problem, writes_maps));
    return problem;
  }
};

// The operations of the cross-input neighborhood differences.
class CrossInputOp : public WindowOp {
 public:
  using WindowOp::WindowOp;

 protected:
  Problem summary_problem(tensorflow::OpKernelContext* context) const {
    return read_problem(context, context->input(3).NumElements());
  }

  Problem summary_gradient_problem(tensorflow::OpKernelContext* context) const {
    const tensorflow::Tensor& upstream = context->input(3);
    const Problem p = read_problem(context, upstream.dims() == 4 ? upstream.dim_size(3) : 0);
    if (context->status().ok()) check_shape(context, 3, {p.batch, p.height, p.width, p.filters});
    return p;
  }

 private:
  Problem read_problem(tensorflow::OpKernelContext* context, int64_t filters) const {
    const Problem problem = read_maps(context, filters);
    if (context->status().ok()) check_problem(context, find_cross_input_error(problem));
    if (context->status().ok()) check_shape(context, 2, {problem.maps(), problem.filters});
    return problem;
  }
};

inline tensorflow::TensorShape shape_of_maps(const Problem& p) { return {p.batch, p.height, p.width, p.maps()}; }
inline tensorflow::TensorShape shape_of_summary(const Problem& p) { return {p.batch, p.height, p.width, p.filters}; }
inline tensorflow::TensorShape shape_of_kernel(const Problem& p) { return {p.maps(), p.filters}; }

}  // namespace tfnxc

#endif  // TFNXC_TENSORFLOW_PROBLEM_H_
