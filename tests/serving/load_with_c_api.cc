// Loads a SavedModel through TensorFlow's C API, runs it once, and writes what comes out: no Python, no Keras, no tfnxc.
//
// load_with_c_api SAVED_MODEL [in TENSOR float SHAPE FILE | in TENSOR int VALUE | in TENSOR string FILES]...
//                 [out TENSOR FILE]...
// SHAPE and FILES have commas between; float files are raw, and the files of a string are pictures as they are.
// Prints the most memory that it took, in MB, before and after the run.

#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tensorflow/c/c_api.h"

namespace {

using Tensor = std::unique_ptr<TF_Tensor, decltype(&TF_DeleteTensor)>;

void check(const TF_Status* status) {
  if (TF_GetCode(status) != TF_OK) {
    std::cerr << TF_Message(status) << "\n";
    std::exit(1);
  }
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::cerr << path << ": cannot be read\n";
    std::exit(2);
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::istringstream stream(list);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

Tensor allocate(TF_DataType type, const std::vector<int64_t>& shape, size_t bytes) {
  return Tensor(TF_AllocateTensor(type, shape.data(), static_cast<int>(shape.size()), bytes), TF_DeleteTensor);
}

Tensor floats(const std::string& sizes, const std::string& path) {
  std::vector<int64_t> shape;
  for (const auto& size : split(sizes)) shape.push_back(std::stoll(size));
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const auto bytes = static_cast<std::streamsize>(file.tellg());
  auto tensor = allocate(TF_FLOAT, shape, static_cast<size_t>(bytes));
  file.seekg(0).read(static_cast<char*>(TF_TensorData(tensor.get())), bytes);
  return tensor;
}

Tensor integer(const std::string& value) {
  auto tensor = allocate(TF_INT32, {}, sizeof(int32_t));
  *static_cast<int32_t*>(TF_TensorData(tensor.get())) = std::stoi(value);
  return tensor;
}

Tensor strings(const std::string& list) {
  const auto paths = split(list);
  auto tensor = allocate(TF_STRING, {static_cast<int64_t>(paths.size())}, paths.size() * sizeof(TF_TString));
  auto* to = static_cast<TF_TString*>(TF_TensorData(tensor.get()));
  for (const auto& path : paths) {
    const auto bytes = read(path);
    TF_StringInit(to);
    TF_StringCopy(to++, bytes.data(), bytes.size());
  }
  return tensor;
}

// "name:0" in a graph.
TF_Output find(TF_Graph* graph, const std::string& tensor) {
  const auto colon = tensor.rfind(':');
  const TF_Output found{TF_GraphOperationByName(graph, tensor.substr(0, colon).c_str()),
                        std::stoi(tensor.substr(colon + 1))};
  if (found.oper == nullptr) {
    std::cerr << tensor << ": no such tensor\n";
    std::exit(2);
  }
  return found;
}

void print_memory(const char* when) {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  std::cout << when << " " << usage.ru_maxrss / 1024 << " MB\n";
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<std::string> given(arguments + 1, arguments + count);
  std::unique_ptr<TF_Status, decltype(&TF_DeleteStatus)> status(TF_NewStatus(), TF_DeleteStatus);
  std::unique_ptr<TF_Graph, decltype(&TF_DeleteGraph)> graph(TF_NewGraph(), TF_DeleteGraph);
  std::unique_ptr<TF_SessionOptions, decltype(&TF_DeleteSessionOptions)> options(TF_NewSessionOptions(),
                                                                                 TF_DeleteSessionOptions);
  const char* tags[] = {"serve"};
  TF_Session* session = TF_LoadSessionFromSavedModel(options.get(), nullptr, given.at(0).c_str(), tags, 1, graph.get(),
                                                     nullptr, status.get());
  check(status.get());

  std::vector<TF_Output> inputs, outputs;
  std::vector<Tensor> kept;
  std::vector<std::string> paths;
  for (size_t at = 1; at < given.size();) {
    if (given[at] == "out") {
      outputs.push_back(find(graph.get(), given.at(at + 1)));
      paths.push_back(given.at(at + 2));
      at += 3;
      continue;
    }
    inputs.push_back(find(graph.get(), given.at(at + 1)));
    const std::string& type = given.at(at + 2);
    if (type == "float") {
      kept.push_back(floats(given.at(at + 3), given.at(at + 4)));
      at += 5;
    } else {
      kept.push_back(type == "int" ? integer(given.at(at + 3)) : strings(given.at(at + 3)));
      at += 4;
    }
  }
  std::vector<TF_Tensor*> values, found(outputs.size());
  for (const auto& each : kept) values.push_back(each.get());
  print_memory("before");
  TF_SessionRun(session, nullptr, inputs.data(), values.data(), static_cast<int>(inputs.size()), outputs.data(),
                found.data(), static_cast<int>(outputs.size()), nullptr, 0, nullptr, status.get());
  check(status.get());
  print_memory("after");
  for (size_t at = 0; at < found.size(); ++at) {
    std::ofstream(paths[at], std::ios::binary)
        .write(static_cast<char*>(TF_TensorData(found[at])), static_cast<std::streamsize>(TF_TensorByteSize(found[at])));
    TF_DeleteTensor(found[at]);
  }
  TF_CloseSession(session, status.get());
  TF_DeleteSession(session, status.get());
}
