// The threads that TensorFlow lends to an operation on a CPU.
#ifndef TFNXC_TENSORFLOW_CPU_THREADS_H_
#define TFNXC_TENSORFLOW_CPU_THREADS_H_

#include <stdint.h>

#include <algorithm>

#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/platform/denormal.h"
#include "tensorflow/core/util/work_sharder.h"

namespace tfnxc {

inline int64_t threads_of(tensorflow::OpKernelContext* context) {
  return context->device()->tensorflow_cpu_worker_threads()->num_threads;
}

// How many shares the work of each of `units`, images or tiles of them, is split into: the fewest, or if there are fewer
// units than threads, as many as give every thread the same number.
inline int64_t shares(int64_t fewest, int64_t most, int64_t units, int64_t threads) {
  if (units == 0 || units >= threads) return fewest;
  const int64_t of_unit = (threads + units - 1) / units;
  return std::min(most, (fewest + of_unit - 1) / of_unit * of_unit);
}

// Shares items of work among TensorFlow's threads: one part for each thread, and one run of items for each part. So the
// same number of threads always adds the same numbers in the same order. A part has at least `least` items, if there
// are as many.
class Parts {
 public:
  Parts(tensorflow::OpKernelContext* context, int64_t items, int64_t least = 1)
      : threads_(*context->device()->tensorflow_cpu_worker_threads()),
        items_(items),
        count_(std::clamp<int64_t>(items / least, 1, threads_.num_threads)) {}

  int64_t count() const { return count_; }

  // Calls run(part, first item, end of items).
  template <typename Run>
  void each(Run run) const {
    constexpr int64_t kCost = 1000000000;  // cycles; high enough that every part gets a thread
    const auto range = [&](int64_t begin, int64_t end) {
      const tensorflow::port::ScopedFlushDenormal flush;  // not every thread does
      for (int64_t part = begin; part < end; ++part) run(part, items_ * part / count_, items_ * (part + 1) / count_);
    };
    tensorflow::Shard(threads_.num_threads, threads_.workers, count_, kCost, range);
  }

 private:
  const tensorflow::DeviceBase::CpuWorkerThreads& threads_;
  const int64_t items_, count_;
};

}  // namespace tfnxc

#endif  // TFNXC_TENSORFLOW_CPU_THREADS_H_
