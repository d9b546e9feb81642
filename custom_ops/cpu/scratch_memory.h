// The scratch memory of a kernel.
#ifndef TFNXC_CPU_SCRATCH_MEMORY_H_
#define TFNXC_CPU_SCRATCH_MEMORY_H_

#include "cpu/simd.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cpu {
namespace {

// Divides scratch memory into arrays. Without memory, it only counts their elements.
template <typename T>
class Arena {
 public:
  explicit Arena(T* start) : start_(start) {}

  // An array of `count` elements. One vector past its end may be read and overwritten.
  T* take(int64_t count) {
    T* array = start_ == nullptr ? nullptr : start_ + used_;
    used_ += padded<T>(count) + 2 * kLanes<T>;
    return array;
  }
  int64_t used() const { return used_; }

 private:
  T* start_;
  int64_t used_ = 0;
};

// The number of elements that `Thing(problem, arena)` takes.
template <typename T, typename Thing, typename P>
int64_t size_of(const P& problem) {
  Arena<T> arena(nullptr);
  Thing thing(problem, arena);
  return arena.used();
}

}  // namespace
}  // namespace cpu
}  // namespace tfnxc

#endif  // TFNXC_CPU_SCRATCH_MEMORY_H_
