// A device of type GPU that computes nothing: what TensorFlow sees where there is a GPU, for tests without one.
#include <memory>
#include <string>
#include <vector>

#include "tensorflow/core/common_runtime/device.h"
#include "tensorflow/core/framework/allocator.h"
#include "tensorflow/core/framework/device_factory.h"

namespace {

using tensorflow::Device;

class PretendedGpu : public Device {
 public:
  explicit PretendedGpu(const std::string& name)
      : Device(tensorflow::Env::Default(), BuildDeviceAttributes(name, tensorflow::DeviceType(tensorflow::DEVICE_GPU),
                                                                 tensorflow::Bytes(1), tensorflow::DeviceLocality())) {}
  absl::Status Sync() override { return absl::OkStatus(); }
  tensorflow::Allocator* GetAllocator(tensorflow::AllocatorAttributes) override { return tensorflow::cpu_allocator(); }
};

class PretendedGpus : public tensorflow::DeviceFactory {
 public:
  absl::Status ListPhysicalDevices(std::vector<std::string>* devices) override {
    devices->push_back("/physical_device:GPU:0");
    return absl::OkStatus();
  }
  absl::Status CreateDevices(const tensorflow::SessionOptions&, const std::string& prefix,
                             std::vector<std::unique_ptr<Device>>* devices) override {
    devices->push_back(std::make_unique<PretendedGpu>(prefix + "/device:GPU:0"));
    return absl::OkStatus();
  }
};

REGISTER_LOCAL_DEVICE_FACTORY("GPU", PretendedGpus);

}  // namespace
