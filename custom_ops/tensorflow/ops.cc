// The operations and their shapes. `Tfnxc>` is the namespace of this package.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace {

using tensorflow::shape_inference::DimensionHandle;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

// The shape of both feature maps, as far as it is known, and their number of correlation maps or differences.
absl::Status maps(InferenceContext* context, ShapeHandle* shape, DimensionHandle* count) {
  ShapeHandle x, y;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 4, &x));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(1), 4, &y));
  TF_RETURN_IF_ERROR(context->Merge(x, y, shape));
  std::vector<int64_t> search_size;
  TF_RETURN_IF_ERROR(context->GetAttr("search_size", &search_size));
  if (search_size.size() != 2) return absl::InvalidArgumentError("search_size is two integers.");
  TF_RETURN_IF_ERROR(context->Multiply(context->Dim(*shape, 3), search_size[0], count));
  if (search_size[1] != 0) return context->Multiply(*count, search_size[1], count);
  return context->Multiply(*count, context->Dim(*shape, 2), count);
}

absl::Status set_correlation_shape(InferenceContext* context) {
  ShapeHandle shape, out;
  DimensionHandle count;
  TF_RETURN_IF_ERROR(maps(context, &shape, &count));
  TF_RETURN_IF_ERROR(context->ReplaceDim(shape, 3, count, &out));
  context->set_output(0, out);
  return absl::OkStatus();
}

absl::Status set_gradient_shapes(InferenceContext* context) {
  ShapeHandle shape;
  DimensionHandle count;
  TF_RETURN_IF_ERROR(maps(context, &shape, &count));
  context->set_output(0, shape);
  context->set_output(1, shape);
  return absl::OkStatus();
}

// The shape of the kernel, input 2: (maps, filters).
absl::Status kernel_shape(InferenceContext* context, DimensionHandle count, ShapeHandle* kernel) {
  TF_RETURN_IF_ERROR(context->WithRank(context->input(2), 2, kernel));
  DimensionHandle merged;
  return context->Merge(context->Dim(*kernel, 0), count, &merged);
}

absl::Status set_summary_shape(InferenceContext* context) {
  ShapeHandle shape, kernel, bias, out;
  DimensionHandle count, filters;
  TF_RETURN_IF_ERROR(maps(context, &shape, &count));
  TF_RETURN_IF_ERROR(kernel_shape(context, count, &kernel));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(3), 1, &bias));
  TF_RETURN_IF_ERROR(context->Merge(context->Dim(kernel, 1), context->Dim(bias, 0), &filters));
  TF_RETURN_IF_ERROR(context->ReplaceDim(shape, 3, filters, &out));
  context->set_output(0, out);
  return absl::OkStatus();
}

absl::Status set_summary_gradient_shapes(InferenceContext* context) {
  ShapeHandle shape, kernel;
  DimensionHandle count;
  TF_RETURN_IF_ERROR(maps(context, &shape, &count));
  TF_RETURN_IF_ERROR(kernel_shape(context, count, &kernel));
  context->set_output(0, shape);
  context->set_output(1, shape);
  context->set_output(2, kernel);
  context->set_output(3, context->Vector(context->Dim(kernel, 1)));
  return absl::OkStatus();
}

// The sizes of a correlation of any geometry, or -1 where a map's is not known. `axis` is 0 for rows.
struct AnySizes {
  int64_t positions, window;
};
absl::Status any_sizes(InferenceContext* context, int axis, AnySizes* sizes) {
  std::vector<int64_t> patch_size, search_size, stride, dilation;
  std::string padding;
  TF_RETURN_IF_ERROR(context->GetAttr("patch_size", &patch_size));
  TF_RETURN_IF_ERROR(context->GetAttr("search_size", &search_size));
  TF_RETURN_IF_ERROR(context->GetAttr("stride", &stride));
  TF_RETURN_IF_ERROR(context->GetAttr("dilation", &dilation));
  TF_RETURN_IF_ERROR(context->GetAttr("padding", &padding));
  for (const std::vector<int64_t>* pair : {&patch_size, &search_size, &stride, &dilation}) {
    if (pair->size() != 2) {
      return absl::InvalidArgumentError("patch_size, search_size, stride and dilation are two integers each.");
    }
  }
  const auto every = [&](int input, int64_t step) -> int64_t {
    const DimensionHandle pixels = context->Dim(context->input(input), axis + 1);
    if (!context->ValueKnown(pixels) || step < 1) return -1;
    const int64_t outside = padding == "valid" ? patch_size[axis] - 1 : 0;
    return (std::max<int64_t>(0, context->Value(pixels) - outside) + step - 1) / step;
  };
  sizes->positions = every(0, stride[axis]);
  sizes->window = search_size[axis] != 0 ? search_size[axis] : every(1, dilation[axis]);
  return absl::OkStatus();
}

absl::Status set_any_shape(InferenceContext* context) {
  ShapeHandle x, y;
  AnySizes rows, columns;
  int weights;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 4, &x));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(1), 4, &y));
  TF_RETURN_IF_ERROR(context->GetAttr("reductions", &weights));
  TF_RETURN_IF_ERROR(any_sizes(context, 0, &rows));
  TF_RETURN_IF_ERROR(any_sizes(context, 1, &columns));
  const auto size = [&](int64_t value) { return value < 0 ? context->UnknownDim() : context->MakeDim(value); };
  const DimensionHandle one = context->Dim(x, 0), other = context->Dim(y, 0);
  const bool known = context->ValueKnown(one) && context->Value(one) != 1;
  const bool single = context->ValueKnown(one) && context->Value(one) == 1;
  const DimensionHandle batch = known ? one : single ? other : context->UnknownDim();
  context->set_output(
      0, context->MakeShape({batch, size(rows.positions), size(columns.positions),
                             weights > 0 ? context->MakeDim(1) : context->Dim(x, 3), size(rows.window),
                             size(columns.window)}));
  return absl::OkStatus();
}

absl::Status set_any_gradient_shapes(InferenceContext* context) {
  for (int output = 0; output < context->num_outputs(); ++output) {
    context->set_output(output, context->input(output));
  }
  return absl::OkStatus();
}

}  // namespace

// `epsilon` are the bits of a double, because attributes cannot be double, and an input would be computed on the GPU.

REGISTER_OP("Tfnxc>NormXcorr")
    .Input("x: T")
    .Input("y: T")
    .Output("maps: T")
    .Attr("epsilon: int")
    .Attr("patch_size: list(int) = [5, 5]")
    .Attr("search_size: list(int) = [5, 0]")
    .Attr("T: {half, bfloat16, float, double}")
    .SetShapeFn(set_correlation_shape)
    .Doc(R"(
Normalized correlation of the patches of x with those of y over a search window.

search_size: rows, and columns or 0 for the whole width.
)");

REGISTER_OP("Tfnxc>NormXcorrGrad")
    .Input("x: T")
    .Input("y: T")
    .Input("upstream: T")
    .Output("dx: T")
    .Output("dy: T")
    .Attr("epsilon: int")
    .Attr("patch_size: list(int) = [5, 5]")
    .Attr("search_size: list(int) = [5, 0]")
    .Attr("gradient: {'exact', 'published'} = 'exact'")
    .Attr("T: {half, bfloat16, float, double}")
    .SetShapeFn(set_gradient_shapes)
    .Doc("Gradient of Tfnxc>NormXcorr.");

REGISTER_OP("Tfnxc>NormXcorrAny")
    .Input("x: T")
    .Input("y: T")
    .Input("weights: reductions * T")
    .Output("products: T")
    .Attr("epsilon: int")
    .Attr("patch_size: list(int) = [5, 5]")
    .Attr("search_size: list(int) = [5, 0]")
    .Attr("stride: list(int) = [1, 1]")
    .Attr("dilation: list(int) = [1, 1]")
    .Attr("padding: {'same', 'valid', 'masked'} = 'same'")
    .Attr("reductions: int >= 0")
    .Attr("T: {float, double}")
    .SetShapeFn(set_any_shape)
    .Doc(R"(
Normalized correlation of the patches of x with those of y, of any geometry: (batch, rows, columns, groups, window rows,
window columns).

search_size: rows and columns of the window, or 0 for all of them.
weights: none, and each channel is a group; or one tensor (channels,), and the group is the weighted sum of them.
)");

REGISTER_OP("Tfnxc>NormXcorrAnyGrad")
    .Input("x: T")
    .Input("y: T")
    .Input("weights: reductions * T")
    .Input("upstream: T")
    .Output("dx: T")
    .Output("dy: T")
    .Output("dweights: reductions * T")
    .Attr("epsilon: int")
    .Attr("patch_size: list(int) = [5, 5]")
    .Attr("search_size: list(int) = [5, 0]")
    .Attr("stride: list(int) = [1, 1]")
    .Attr("dilation: list(int) = [1, 1]")
    .Attr("padding: {'same', 'valid', 'masked'} = 'same'")
    .Attr("reductions: int >= 0")
    .Attr("gradient: {'exact', 'published'} = 'exact'")
    .Attr("T: {float, double}")
    .SetShapeFn(set_any_gradient_shapes)
    .Doc("Gradient of Tfnxc>NormXcorrAny.");

REGISTER_OP("Tfnxc>NormXcorrSummary")
    .Input("x: T")
    .Input("y: T")
    .Input("kernel: T")
    .Input("bias: T")
    .Output("summary: T")
    .Attr("epsilon: int")
    .Attr("patch_size: list(int) = [5, 5]")
    .Attr("search_size: list(int) = [5, 0]")
    .Attr("T: {half, bfloat16, float, double}")
    .SetShapeFn(set_summary_shape)
    .Doc("ReLU of Tfnxc>NormXcorr, times kernel (maps, filters), plus bias; the maps are never in memory.");

REGISTER_OP("Tfnxc>NormXcorrSummaryGrad")
    .Input("x: T")
    .Input("y: T")
    .Input("kernel: T")
    .Input("upstream: T")
    .Output("dx: T")
    .Output("dy: T")
    .Output("dkernel: T")
    .Output("dbias: T")
    .Attr("epsilon: int")
    .Attr("patch_size: list(int) = [5, 5]")
    .Attr("search_size: list(int) = [5, 0]")
    .Attr("gradient: {'exact', 'published'} = 'exact'")
    .Attr("T: {half, bfloat16, float, double}")
    .SetShapeFn(set_summary_gradient_shapes)
    .Doc("Gradient of Tfnxc>NormXcorrSummary.");

REGISTER_OP("Tfnxc>CrossInputSummary")
    .Input("x: T")
    .Input("y: T")
    .Input("kernel: T")
    .Input("bias: T")
    .Output("summary: T")
    .Attr("search_size: list(int) = [5, 5]")
    .Attr("T: {half, bfloat16, float, double}")
    .SetShapeFn(set_summary_shape)
    .Doc(R"(
ReLU of the cross-input neighborhood differences, times kernel (maps, filters), plus bias; the differences are never in
memory.

search_size: rows, and columns or 0 for the whole width.
)");

REGISTER_OP("Tfnxc>CrossInputSummaryGrad")
    .Input("x: T")
    .Input("y: T")
    .Input("kernel: T")
    .Input("upstream: T")
    .Output("dx: T")
    .Output("dy: T")
    .Output("dkernel: T")
    .Output("dbias: T")
    .Attr("search_size: list(int) = [5, 5]")
    .Attr("T: {half, bfloat16, float, double}")
    .SetShapeFn(set_summary_gradient_shapes)
    .Doc("Gradient of Tfnxc>CrossInputSummary.");
