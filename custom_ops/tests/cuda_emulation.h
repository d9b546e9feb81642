// Runs the CUDA kernels on a CPU, from the same sources compiled by a C++ compiler with TFNXC_CUDA_EMULATION defined.
//
// The threads of a block are fibers that are switched at __syncthreads(). Undefined behavior aborts with a message:
//   - two threads that access an element of shared memory without a barrier in between, at least one of them writing;
//   - a read of shared memory that the block has not written, or an index out of bounds;
//   - threads that wait at different barriers, or exit while others wait.
// With -fsanitize=address,undefined, accesses outside device memory are detected too, also between the arrays of a
// workspace. Races in device memory give results that depend on `order`.
#ifndef TFNXC_TESTS_CUDA_EMULATION_H_
#define TFNXC_TESTS_CUDA_EMULATION_H_

#include <math.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <functional>
#include <memory>
#include <type_traits>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

// ---- CUDA's keywords, types and functions

#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __launch_bounds__(...)
#define __syncthreads() tfnxc::emulation::grid.wait(__FILE__, __LINE__)

struct EmulatedIndex {
  unsigned x = 0, y = 0, z = 0;
};
inline EmulatedIndex threadIdx, blockIdx, blockDim, gridDim;

inline int min(int a, int b) { return a < b ? a : b; }

using cudaStream_t = void*;
enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorInvalidConfiguration = 9 };
inline const char* cudaGetErrorString(cudaError_t error) { return error == cudaSuccess ? "no error" : "error"; }

// longjmp of the C library. With _FORTIFY_SOURCE, which many distributions define, <setjmp.h> replaces it by a function
// that refuses to change the stack.
extern "C" [[noreturn]] void plain_long_jump(jmp_buf, int) __asm__("_longjmp");

namespace tfnxc {
namespace emulation {

// 16-bit floating-point numbers, rounded to nearest, ties to even.
template <int kExponentBits>
class SixteenBits {
 public:
  SixteenBits() = default;
  template <typename Number, typename = std::enable_if_t<std::is_arithmetic<Number>::value>>
  SixteenBits(Number number) : bits_(encode(static_cast<float>(number))) {}
  operator float() const { return decode(bits_); }

 private:
  static constexpr int kFractionBits = 15 - kExponentBits;
  static constexpr int kBias = (1 << (kExponentBits - 1)) - 1;
  static constexpr uint16_t kInfinity = ((1 << kExponentBits) - 1) << kFractionBits;

  static uint16_t encode(float number) {
    const uint16_t sign = signbit(number) ? 0x8000 : 0;
    if (isnan(number)) return sign | kInfinity | (1 << (kFractionBits - 1));
    if (isinf(number)) return sign | kInfinity;
    int exponent;
    frexp(number, &exponent);
    // The steps between numbers here; those nearest to zero are evenly spaced.
    const int step = (exponent - 1 < 1 - kBias ? 1 - kBias : exponent - 1) - kFractionBits;
    const double rounded = ldexp(nearbyint(ldexp(fabs(static_cast<double>(number)), -step)), step);
    if (rounded == 0) return sign;
    frexp(rounded, &exponent);
    if (exponent - 1 > kBias) return sign | kInfinity;
    if (exponent - 1 < 1 - kBias) return sign | static_cast<uint16_t>(ldexp(rounded, kBias - 1 + kFractionBits));
    const auto fraction = static_cast<uint16_t>(ldexp(rounded, kFractionBits - exponent + 1));  // with the leading one
    return sign | static_cast<uint16_t>(((exponent - 1 + kBias - 1) << kFractionBits) + fraction);
  }

  static float decode(uint16_t bits) {
    const float sign = bits & 0x8000 ? -1 : 1;
    const int exponent = (bits & 0x7fff) >> kFractionBits, fraction = bits & ((1 << kFractionBits) - 1);
    if ((bits & kInfinity) == kInfinity) return fraction ? NAN : sign * INFINITY;
    if (exponent == 0) return sign * ldexpf(static_cast<float>(fraction), 1 - kBias - kFractionBits);
    return sign * ldexpf(static_cast<float>(fraction + (1 << kFractionBits)), exponent - kBias - kFractionBits);
  }

  uint16_t bits_;
};

// ---- The GPU

// The order in which blocks run, and the threads of a block between two barriers.
enum class Order { kForward, kBackward };
inline Order order = Order::kForward;

// A stretch is the work between two barriers: their number over all blocks, and the first one of the running block.
inline uint64_t stretch = 0, first_stretch = 0;

// The size of a chunk. Tests make it small, so that small problems have many chunks.
inline int64_t bytes_of_chunks = int64_t{32} << 20;
inline int64_t chunk_bytes() { return bytes_of_chunks; }

// As many blocks as fill the GPU. With few, no sum is shared by several blocks.
inline int64_t blocks_of_gpu = 512;
inline int64_t wanted_blocks() { return blocks_of_gpu; }

constexpr size_t kGuardBytes = 64;
inline void guard(void* start, size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_POISON_MEMORY_REGION(start, size);
#else
  (void)start, (void)size;
#endif
}

[[noreturn]] inline void fail(const char* what) {
  fprintf(stderr, "CUDA emulation: block %u, thread %u: %s\n", blockIdx.x, threadIdx.x, what);
  abort();
}

// Runs `body` on its own stack until it calls yield(), and continues from there when it is resumed. It is entered by
// setcontext() the first time, and later by longjmp, which needs no system call.
class Fiber {
 public:
  explicit Fiber(std::function<void()> body) : body_(std::move(body)), stack_(new char[kStackSize]) {
    getcontext(&context_);
    context_.uc_stack.ss_sp = stack_.get();
    context_.uc_stack.ss_size = kStackSize;
    const auto self = reinterpret_cast<uintptr_t>(this);
    makecontext(&context_, reinterpret_cast<void (*)()>(&Fiber::enter), 2, static_cast<unsigned>(self >> 32),
                static_cast<unsigned>(self));
  }
  Fiber(const Fiber&) = delete;

  void resume() {
    void* of_caller = nullptr;
    leave(&of_caller, stack_.get(), kStackSize);
    if (_setjmp(caller_) == 0) {
      if (entered_) plain_long_jump(inside_, 1);
      entered_ = true;
      setcontext(&context_);
    }
    arrive(of_caller, nullptr, nullptr);
  }

  void yield() {
    void* of_fiber = nullptr;
    leave(&of_fiber, caller_stack_, caller_stack_size_);
    if (_setjmp(inside_) == 0) plain_long_jump(caller_, 1);
    arrive(of_fiber, &caller_stack_, &caller_stack_size_);
  }

 private:
  static constexpr size_t kStackSize = 128 << 10;

  static void enter(unsigned high, unsigned low) {
    Fiber* self = reinterpret_cast<Fiber*>(static_cast<uintptr_t>(high) << 32 | low);
    self->arrive(nullptr, &self->caller_stack_, &self->caller_stack_size_);
    self->body_();
    abort();  // there is nowhere to return to
  }

  // Tells the address sanitizer about changes of the stack.
#if defined(__SANITIZE_ADDRESS__)
  static void leave(void** own, const void* stack, size_t size) { __sanitizer_start_switch_fiber(own, stack, size); }
  static void arrive(void* own, const void** from, size_t* size) { __sanitizer_finish_switch_fiber(own, from, size); }
#else
  static void leave(void**, const void*, size_t) {}
  static void arrive(void*, const void**, size_t*) {}
#endif

  std::function<void()> body_;
  std::unique_ptr<char[]> stack_;
  ucontext_t context_;
  jmp_buf inside_, caller_;
  bool entered_ = false;
  const void* caller_stack_ = nullptr;
  size_t caller_stack_size_ = 0;
};

// Runs the blocks of a kernel one after the other. A fiber runs one thread after the other until one reaches a barrier.
// Then that thread keeps the fiber, and another fiber continues with the next thread.
class Grid {
 public:
  void run(unsigned blocks, unsigned threads, const std::function<void()>& kernel) {
    kernel_ = &kernel;
    threads_.resize(threads);
    gridDim.x = blocks;
    blockDim.x = threads;
    for (unsigned block = 0; block < blocks; ++block) {
      blockIdx.x = order == Order::kForward ? block : blocks - 1 - block;
      run_block();
    }
  }

  // A barrier, reached by the running thread.
  void wait(const char* file, int line) {
    Thread& thread = threads_[threadIdx.x];
    thread.file = file;
    thread.line = line;
    thread.fiber = running_;
    running_->yield();
  }

 private:
  struct Thread {
    bool ended = false;
    Fiber* fiber = nullptr;      // while it waits
    const char* file = nullptr;  // of the barrier it waits at
    int line = 0;
  };

  void run_block() {
    const auto threads = static_cast<unsigned>(threads_.size());
    for (Thread& thread : threads_) thread = Thread();
    first_stretch = ++stretch;
    next_turn_ = 0;
    for (size_t fiber = 0; next_turn_ < threads; ++fiber) {
      if (fiber == fibers_.size()) fibers_.emplace_back(new Fiber([this] { run_threads(); }));
      resume(fibers_[fiber].get());
    }
    while (some_wait()) {
      ++stretch;
      for (unsigned turn = 0; turn < threads; ++turn) {
        threadIdx.x = thread_of(turn);
        resume(threads_[threadIdx.x].fiber);
      }
    }
  }

  void resume(Fiber* fiber) {
    running_ = fiber;
    fiber->resume();
  }

  // The body of every fiber.
  void run_threads() {
    while (true) {
      while (next_turn_ < threads_.size()) {
        threadIdx.x = thread_of(next_turn_++);
        (*kernel_)();
        threads_[threadIdx.x].ended = true;
      }
      running_->yield();
    }
  }

  unsigned thread_of(unsigned turn) const { return order == Order::kForward ? turn : blockDim.x - 1 - turn; }

  // Whether the threads wait at a barrier or have ended. All must be in the same state.
  bool some_wait() {
    const Thread& first = threads_[0];
    for (threadIdx.x = 0; threadIdx.x < threads_.size(); ++threadIdx.x) {
      const Thread& thread = threads_[threadIdx.x];
      if (thread.ended != first.ended) fail("some threads ended while others wait at a barrier");
      if (!thread.ended && (thread.line != first.line || strcmp(thread.file, first.file) != 0)) {
        fail("threads wait at different barriers");
      }
    }
    return !first.ended;
  }

  std::vector<std::unique_ptr<Fiber>> fibers_;
  Fiber* running_ = nullptr;
  const std::function<void()>* kernel_ = nullptr;
  std::vector<Thread> threads_;
  unsigned next_turn_ = 0;  // of the next thread to start
};

inline Grid grid;

// An array in shared memory that records which thread accessed which element since the last barrier.
template <typename T, int kSize>
class SharedArray {
 public:
  class Reference {
   public:
    Reference(SharedArray* array, int index) : array_(array), index_(index) {}
    operator T() const { return array_->read(index_); }
    Reference& operator=(T value) {
      array_->write(index_, value);
      return *this;
    }
    Reference& operator=(const Reference& other) { return *this = T(other); }

   private:
    SharedArray* array_;
    int index_;
  };

  Reference operator[](int index) { return {this, index}; }
  T operator[](int index) const { return const_cast<SharedArray*>(this)->read(index); }

 private:
  static constexpr unsigned kSeveral = UINT32_MAX;
  struct Element {
    T value;
    uint64_t written = 0, read = 0;  // the last stretch of each
    unsigned writer = 0, reader = 0;
  };

  Element& at(int index) {
    if (index < 0 || index >= kSize) fail("index outside of an array in shared memory");
    return elements_[index];
  }
  T read(int index) {
    Element& element = at(index);
    if (element.written < first_stretch) fail("read of shared memory that was not written");
    if (element.written == stretch && element.writer != threadIdx.x) {
      fail("read of shared memory that another thread wrote, without a barrier in between");
    }
    const bool again = element.read == stretch && element.reader != threadIdx.x;
    element.reader = again ? kSeveral : threadIdx.x;
    element.read = stretch;
    return element.value;
  }
  void write(int index, T value) {
    Element& element = at(index);
    if (element.written == stretch && element.writer != threadIdx.x) {
      fail("two threads write one element of shared memory without a barrier in between");
    }
    if (element.read == stretch && element.reader != threadIdx.x) {
      fail("write of shared memory that another thread read, without a barrier in between");
    }
    element.value = value;
    element.writer = threadIdx.x;
    element.written = stretch;
  }

  Element elements_[kSize];
};

template <typename... Parameters>
cudaError_t start(void (*kernel)(Parameters...), unsigned blocks, unsigned threads, cudaStream_t,
                  Parameters... arguments) {
  grid.run(blocks, threads, [&] { kernel(arguments...); });
  return cudaSuccess;
}

}  // namespace emulation
}  // namespace tfnxc

using __half = tfnxc::emulation::SixteenBits<5>;
using __nv_bfloat16 = tfnxc::emulation::SixteenBits<8>;

#endif  // TFNXC_TESTS_CUDA_EMULATION_H_
