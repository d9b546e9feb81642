// Chooses kernels by the instruction sets of this processor.
//
// kernels.cc is compiled once for each: `plain` with the compiler's defaults, and on x86-64 also `avx2` and `avx512`.
// So one library runs on every processor of an architecture.
#include <string.h>

#include <initializer_list>

#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cpu {

const Kernels<float>* plain_kernels(float);
const Kernels<double>* plain_kernels(double);
#if defined(__x86_64__)
const Kernels<float>* avx2_kernels(float);
const Kernels<double>* avx2_kernels(double);
const Kernels<float>* avx512_kernels(float);
const Kernels<double>* avx512_kernels(double);
#endif

template <typename T>
const Kernels<T>* kernels_named(const char* name) {
#if defined(__x86_64__)
  if (strcmp(name, "avx512") == 0) {
    const bool runs = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma");
    return runs ? avx512_kernels(T()) : nullptr;
  }
  if (strcmp(name, "avx2") == 0) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? avx2_kernels(T()) : nullptr;
  }
#endif
  return strcmp(name, "plain") == 0 ? plain_kernels(T()) : nullptr;
}

template <typename T>
const Kernels<T>* best_kernels() {
  for (const char* name : {"avx512", "avx2"}) {
    if (const Kernels<T>* kernels = kernels_named<T>(name)) return kernels;
  }
  return plain_kernels(T());
}

template const Kernels<float>* kernels_named<float>(const char*);
template const Kernels<double>* kernels_named<double>(const char*);
template const Kernels<float>* best_kernels<float>();
template const Kernels<double>* best_kernels<double>();

}  // namespace cpu
}  // namespace tfnxc
