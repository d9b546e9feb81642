// The platform: CUDA, or the emulation that lets tests run the same sources on a CPU.
#ifndef TFNXC_CUDA_PLATFORM_H_
#define TFNXC_CUDA_PLATFORM_H_

#ifdef TFNXC_CUDA_EMULATION
#include "tests/cuda_emulation.h"
#else
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#endif

#include <stdint.h>

namespace tfnxc {
namespace cuda {

#ifdef TFNXC_CUDA_EMULATION

using emulation::chunk_bytes;
using emulation::guard;
using emulation::kGuardBytes;
using emulation::SharedArray;
using emulation::start;
using emulation::wanted_blocks;

#else

// An array in shared memory, to be declared `alignas(16) __shared__ SharedArray<T, size> name;`.
template <typename T, int kSize>
using SharedArray = T[kSize];

// The approximate size of a workspace: the batch is processed in chunks. Large enough to fill a GPU, and small enough
// that what one kernel writes is still in the cache for the next: that of an A100 holds 40 MB, of an H100 50 MB.
constexpr int64_t chunk_bytes() { return int64_t{32} << 20; }

// As many blocks as fill a GPU: an H100 runs 4 in each of 132 multiprocessors at a time. The same on every GPU, so that
// results are.
constexpr int64_t wanted_blocks() { return 512; }

// Unused bytes after each array of a workspace. The emulation checks them.
constexpr size_t kGuardBytes = 0;
inline void guard(void*, size_t) {}

template <typename... Parameters>
cudaError_t start(void (*kernel)(Parameters...), unsigned blocks, unsigned threads, cudaStream_t stream,
                  Parameters... arguments) {
  void* pointers[] = {&arguments...};
  return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), dim3(blocks), dim3(threads), pointers, 0, stream);
}

#endif

// The type that numbers of type T are computed in.
template <typename T>
struct Computed {
  using Type = float;
};
template <>
struct Computed<double> {
  using Type = double;
};

constexpr int kThreads = 256;  // most threads of a block

// How many blocks of a kernel that computes in A a multiprocessor must have the registers for. A double takes two.
template <typename A>
constexpr int blocks_at_once(int in_float) {
  return sizeof(A) == 4 ? in_float : in_float / 2;
}

// Queues kernels on a stream until one fails, and keeps the error.
class Queue {
 public:
  explicit Queue(void* stream) : stream_(static_cast<cudaStream_t>(stream)) {}

  template <typename T>
  struct AsIs {
    using Type = T;
  };
  template <typename... Parameters>
  void launch(void (*kernel)(Parameters...), int64_t blocks, int threads,
              typename AsIs<Parameters>::Type... arguments) {
    if (error_ != cudaSuccess || blocks == 0) return;
    error_ = blocks > INT32_MAX
                 ? cudaErrorInvalidConfiguration
                 : start(kernel, static_cast<unsigned>(blocks), static_cast<unsigned>(threads), stream_, arguments...);
  }
  int error() const { return static_cast<int>(error_); }

 private:
  cudaStream_t stream_;
  cudaError_t error_ = cudaSuccess;
};

}  // namespace cuda
}  // namespace tfnxc

#endif  // TFNXC_CUDA_PLATFORM_H_
