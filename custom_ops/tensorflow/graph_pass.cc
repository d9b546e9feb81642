// Puts the compiled operations into a graph when TensorFlow prepares it to run.
//
// Traced graphs hold stock operations only, so that whatever is made of them loads anywhere. `marked` in
// tfnxc/ops/_marks.py leaves a mark where a compiled operation computes the same: an IdentityN of what plain TensorFlow
// computes, and of the inputs of the operation, with these attributes:
//
//     _tfnxc_operation     the type of the operation
//     _tfnxc_attr_NAME     its attribute NAME
//
// The operation takes the place of the marked node. Then nobody reads what plain TensorFlow would compute, so it never
// runs.

// TensorFlow's libraries are compiled so, and its sets of edges have another layout without.
#ifndef NDEBUG
#define NDEBUG
#endif

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "tensorflow/core/common_runtime/device.h"
#include "tensorflow/core/common_runtime/device_set.h"
#include "tensorflow/core/common_runtime/optimization_registry.h"
#include "tensorflow/core/framework/node_def_util.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/graph/graph.h"

namespace tfnxc {
namespace {

using tensorflow::AttrValue;
using tensorflow::Edge;
using tensorflow::Graph;
using tensorflow::Node;
using tensorflow::NodeDef;

// The operation that takes the place of a node, by its mark.
NodeDef operation_of(const Node& node, const std::string& type) {
  NodeDef operation;
  operation.set_name(node.name());
  operation.set_op(type);
  operation.set_device(node.requested_device());
  for (const auto& attribute : node.attrs()) {
    absl::string_view name = attribute.first;
    if (absl::ConsumePrefix(&name, "_tfnxc_attr_")) (*operation.mutable_attr())[std::string(name)] = attribute.second;
  }
  return operation;
}

// Whether somebody reads an output of `node` that its operation does not have.
bool reads_beyond(const Node& node, int outputs) {
  for (const Edge* edge : node.out_edges()) {
    if (edge->src_output() >= outputs) return true;
  }
  return false;
}

// Whether the attributes are those that the operation has, each with a value.
bool has_attributes_of(const NodeDef& operation, const tensorflow::OpDef& definition) {
  for (const auto& attribute : definition.attr()) {
    if (operation.attr().count(attribute.name()) == 0) return false;
  }
  return int(operation.attr().size()) == definition.attr_size();
}

// Puts the operation `type` in the place of `node`, and returns whether it did. Leaves the node where the operation is
// not as its mark says, because a graph may be of another version of tfnxc; and where there is a GPU, on which plain
// TensorFlow computes, but the operation cannot.
bool replace(Graph* graph, Node* node, const std::string& type, bool on_gpu) {
  const tensorflow::OpDef* definition;
  if (!tensorflow::OpRegistry::Global()->LookUpOpDef(type, &definition).ok()) return false;
  NodeDef wanted = operation_of(*node, type);
  tensorflow::AddDefaultsToNodeDef(*definition, &wanted);
  if (!has_attributes_of(wanted, *definition)) return false;
  tensorflow::DataTypeVector inputs, outputs;
  if (!tensorflow::InOutTypesForNode(wanted, *definition, &inputs, &outputs).ok()) return false;
  const int first = node->num_inputs() - int(inputs.size());
  if (first < 0 || reads_beyond(*node, int(outputs.size()))) return false;
  if (on_gpu && !tensorflow::KernelDefAvailable(tensorflow::DeviceType(tensorflow::DEVICE_GPU), wanted)) return false;
  absl::Status status;
  Node* const operation = graph->AddNode(std::move(wanted), &status);
  if (!status.ok()) return false;
  for (int i = 0; i < operation->num_inputs(); ++i) {
    if (operation->input_type(i) != node->input_type(first + i)) {
      graph->RemoveNode(operation);
      return false;
    }
  }
  struct Reader {
    Node* node;
    int output, input;
  };
  std::vector<Reader> readers;
  for (const Edge* edge : node->out_edges()) readers.push_back({edge->dst(), edge->src_output(), edge->dst_input()});
  for (const Edge* edge : node->in_edges()) {
    if (edge->IsControlEdge()) {
      graph->AddControlEdge(edge->src(), operation, true);
    } else if (edge->dst_input() >= first) {
      graph->AddEdge(edge->src(), edge->src_output(), operation, edge->dst_input() - first);
    }
  }
  graph->RemoveNode(node);
  for (const Reader& reader : readers) graph->AddEdge(operation, reader.output, reader.node, reader.input);
  return true;
}

bool has_gpu(const tensorflow::DeviceSet* devices) {
  if (devices == nullptr) return false;
  for (const tensorflow::Device* device : devices->devices()) {
    if (device->device_type() == tensorflow::DEVICE_GPU) return true;
  }
  return false;
}

class PutCompiledOperations : public tensorflow::GraphOptimizationPass {
 public:
  absl::Status Run(const tensorflow::GraphOptimizationPassOptions& options) override {
    if (options.graph == nullptr) return absl::OkStatus();
    Graph* const graph = options.graph->get();
    const bool on_gpu = has_gpu(options.device_set);
    std::vector<Node*> marked, checks;
    for (Node* node : graph->op_nodes()) {
      const AttrValue* type = node->attrs().Find("_tfnxc_operation");
      if (type != nullptr) (type->s() == "NoOp" ? checks : marked).push_back(node);
    }
    bool all = true;
    for (Node* node : marked) all &= replace(graph, node, node->attrs().Find("_tfnxc_operation")->s(), on_gpu);
    // Checks of what plain TensorFlow can compute stay where it computes.
    for (size_t i = 0; i < checks.size() && all; ++i) replace(graph, checks[i], "NoOp", false);
    return absl::OkStatus();
  }
};

// After TensorFlow has put the bodies of called functions in the place of their calls, which it does in phase 10.
REGISTER_OPTIMIZATION(tensorflow::OptimizationPassRegistry::PRE_PLACEMENT, 1000, PutCompiledOperations);

}  // namespace
}  // namespace tfnxc
