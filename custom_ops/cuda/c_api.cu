// The functions of the header with C names and flat arguments, for ctypes, CuPy, PyTorch and other callers of C.
//
// Names end with the type: f32, f64, f16, bf16. Every one takes the problem first:
//
//   size_t tfnxc_cuda_forward_workspace_f32(PROBLEM);
//   int tfnxc_cuda_forward_f32(PROBLEM, x, y, out, workspace, stream);
//   int tfnxc_cuda_gradient_f32(PROBLEM, x, y, upstream, dx, dy, workspace, stream);
//   int tfnxc_cuda_summary_f32(PROBLEM, x, y, kernel, bias, out, workspace, stream);
//   int tfnxc_cuda_summary_gradient_f32(PROBLEM, x, y, kernel, upstream, dx, dy, dkernel, dbias, workspace, stream);
//
// where PROBLEM is
//
//   int64_t batch, height, width, channels, patch_height, patch_width, rows, columns, double epsilon, int published,
//   int64_t filters
//
// as in struct Problem (columns 0: the whole width; filters 0: no summary). Pointers are to device memory. Functions
// return a cudaError_t, 0 for success; workspace sizes are in bytes. If find_error rejects the problem, they return
// cudaErrorInvalidValue and 0, and tfnxc_cuda_find_error returns the reason.
#include "cuda/platform.h"
#include "tfnxc/norm_xcorr.h"

#define TFNXC_PROBLEM                                                                                        \
  int64_t batch, int64_t height, int64_t width, int64_t channels, int64_t patch_height, int64_t patch_width, \
      int64_t rows, int64_t columns, double epsilon, int published, int64_t filters
#define TFNXC_MAKE_PROBLEM(name)    \
  tfnxc::Problem name{};            \
  name.batch = batch;               \
  name.height = height;             \
  name.width = width;               \
  name.channels = channels;         \
  name.patch_height = patch_height; \
  name.patch_width = patch_width;   \
  name.rows = rows;                 \
  name.columns = columns;           \
  name.epsilon = epsilon;           \
  name.published = published != 0;  \
  name.filters = filters

extern "C" {

// Null, or what is wrong with the problem. `writes_maps`: 1 for the correlation and its gradient, 0 for the summary's.
const char* tfnxc_cuda_find_error(TFNXC_PROBLEM, int writes_maps) {
  TFNXC_MAKE_PROBLEM(problem);
  return tfnxc::find_error(problem, writes_maps != 0);
}

const char* tfnxc_cuda_error_text(int error) { return cudaGetErrorString(static_cast<cudaError_t>(error)); }

#define TFNXC_WORKSPACE(function, T, name, writes_maps)                                                 \
  size_t tfnxc_cuda_##function##_workspace_##name(TFNXC_PROBLEM) {                                      \
    TFNXC_MAKE_PROBLEM(problem);                                                                        \
    return tfnxc::find_error(problem, writes_maps) ? 0 : tfnxc::cuda::function##_workspace<T>(problem); \
  }
#define TFNXC_CALL(function, writes_maps, ...)                               \
  TFNXC_MAKE_PROBLEM(problem);                                               \
  if (tfnxc::find_error(problem, writes_maps)) return cudaErrorInvalidValue; \
  return tfnxc::cuda::function(problem, __VA_ARGS__, workspace, stream)

#define TFNXC_FUNCTIONS(T, name)                                                                                    \
  TFNXC_WORKSPACE(forward, T, name, true)                                                                           \
  TFNXC_WORKSPACE(gradient, T, name, true)                                                                          \
  TFNXC_WORKSPACE(summary, T, name, false)                                                                          \
  TFNXC_WORKSPACE(summary_gradient, T, name, false)                                                                 \
  int tfnxc_cuda_forward_##name(TFNXC_PROBLEM, const T* x, const T* y, T* out, void* workspace, void* stream) {     \
    TFNXC_CALL(forward, true, x, y, out);                                                                           \
  }                                                                                                                 \
  int tfnxc_cuda_gradient_##name(TFNXC_PROBLEM, const T* x, const T* y, const T* upstream, T* dx, T* dy,            \
                                 void* workspace, void* stream) {                                                   \
    TFNXC_CALL(gradient, true, x, y, upstream, dx, dy);                                                             \
  }                                                                                                                 \
  int tfnxc_cuda_summary_##name(TFNXC_PROBLEM, const T* x, const T* y, const T* kernel, const T* bias, T* out,      \
                                void* workspace, void* stream) {                                                    \
    TFNXC_CALL(summary, false, x, y, kernel, bias, out);                                                            \
  }                                                                                                                 \
  int tfnxc_cuda_summary_gradient_##name(TFNXC_PROBLEM, const T* x, const T* y, const T* kernel, const T* upstream, \
                                         T* dx, T* dy, T* dkernel, T* dbias, void* workspace, void* stream) {       \
    TFNXC_CALL(summary_gradient, false, x, y, kernel, upstream, dx, dy, dkernel, dbias);                            \
  }

TFNXC_FUNCTIONS(float, f32)
TFNXC_FUNCTIONS(double, f64)
TFNXC_FUNCTIONS(__half, f16)
TFNXC_FUNCTIONS(__nv_bfloat16, bf16)

}  // extern "C"
