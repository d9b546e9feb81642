// Vectors of one instruction set, and the matrix product that all kernels use.
//
// Files that include this are compiled once for each instruction set. Everything is in an unnamed namespace, or the
// linker could merge inline functions of different instruction sets. The C++ standard library is not used, for the same
// reason.
#ifndef TFNXC_CPU_SIMD_H_
#define TFNXC_CPU_SIMD_H_

#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__GNUC__) && !defined(__clang__)
// GCC warns about its own intrinsics.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#define TFNXC_ALWAYS_INLINE inline __attribute__((always_inline))
#define TFNXC_NEVER_INLINE __attribute__((noinline))

namespace tfnxc {
namespace cpu {
namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kMostRows = 12;  // of a block: 24 of 32 registers accumulate
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
constexpr int kMostRows = 6;  // 12 of 16 registers accumulate
#elif defined(__aarch64__)
constexpr int kVectorBytes = 16;
constexpr int kMostRows = 12;
#else
constexpr int kVectorBytes = 16;
constexpr int kMostRows = 6;
#endif

template <typename T>
struct VectorOf {
  typedef T Type __attribute__((vector_size(kVectorBytes)));
  typedef T Unaligned __attribute__((vector_size(kVectorBytes), aligned(alignof(T))));
  static constexpr int64_t kLanes = kVectorBytes / sizeof(T);
};
template <typename T>
using Vector = typename VectorOf<T>::Type;
template <typename T>
constexpr int64_t kLanes = VectorOf<T>::kLanes;

template <typename T>
inline Vector<T> load(const T* from) {
  return *reinterpret_cast<const typename VectorOf<T>::Unaligned*>(from);
}
template <typename T>
inline void store(T* to, Vector<T> value) {
  *reinterpret_cast<typename VectorOf<T>::Unaligned*>(to) = value;
}
template <typename T>
inline Vector<T> all(T value) {
  return value - Vector<T>{};
}

// Lanes [begin, end) of `value`, and the other lanes of `elsewhere`. The range may exceed the vector.
template <typename T>
inline Vector<T> with_lanes(Vector<T> elsewhere, Vector<T> value, int64_t begin, int64_t end) {
  Vector<T> lanes;
  for (int64_t lane = 0; lane < kLanes<T>; ++lane) lanes[lane] = T(lane);
  const Vector<T> from_begin = lanes >= T(begin) ? value : elsewhere;
  return lanes < T(end) ? from_begin : elsewhere;
}

template <typename T>
inline Vector<T> square_roots(Vector<T> value) {
  for (int64_t lane = 0; lane < kLanes<T>; ++lane) {
    value[lane] = sizeof(T) == 4 ? __builtin_sqrtf(value[lane]) : __builtin_sqrt(value[lane]);
  }
  return value;
}

// ReLU and the mask of its gradient, without branches. ReLU keeps NaN, as TensorFlow's does.
template <typename T>
inline Vector<T> relu(Vector<T> value) {
  return value < 0 ? Vector<T>{} : value;
}
template <typename T>
inline Vector<T> where_positive(Vector<T> value, Vector<T> kept) {
  return value > 0 ? kept : Vector<T>{};
}

// A number of elements rounded up to whole vectors.
template <typename T>
constexpr int64_t padded(int64_t count) {
  return (count + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
}

// Copies with non-temporal stores: twice as fast for results that would not stay in the cache, because cache lines are
// not read first. The thread must call finish_streaming before others read the results.
template <typename T>
inline void stream(T* to, const T* from, int64_t count) {
  int64_t i = 0;
#if defined(__x86_64__)
  for (; i < count && reinterpret_cast<uintptr_t>(to + i) % kVectorBytes != 0; ++i) to[i] = from[i];
  for (; i + kLanes<T> <= count; i += kLanes<T>) {
    const Vector<T> value = load(from + i);
#if defined(__AVX512F__)
    _mm512_stream_si512(reinterpret_cast<__m512i*>(to + i), reinterpret_cast<__m512i>(value));
#elif defined(__AVX2__)
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to + i), reinterpret_cast<__m256i>(value));
#else
    _mm_stream_si128(reinterpret_cast<__m128i*>(to + i), reinterpret_cast<__m128i>(value));
#endif
  }
#endif
  for (; i < count; ++i) to[i] = from[i];
}
inline void finish_streaming() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

inline int64_t least(int64_t one, int64_t other) { return one < other ? one : other; }

// Sets `count` elements to zero, in whole vectors: up to one vector past the end is overwritten.
template <typename T>
inline void clear(T* to, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes<T>) store(to + i, Vector<T>{});
}

// Copies a short run, of which neither what lies before nor behind may be touched.
template <typename T>
TFNXC_ALWAYS_INLINE void copy_run(T* to, const T* from, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes<T> <= count; i += kLanes<T>) store(to + i, load(from + i));
  if (i > 0 && i < count) {
    store(to + count - kLanes<T>, load(from + count - kLanes<T>));
    return;
  }
  for (; i < count; ++i) to[i] = from[i];
}

// A matrix: element (row, step) is start[row * row_stride + step * step_stride].
template <typename T>
struct Factor {
  const T* start;
  int64_t row_stride;
  int64_t step_stride;
};

// What a product does with its sums.
enum class End {
  kStore,  // stores or adds them
  kRelu,   // stores their ReLU
  kGate,   // stores them where `other`, of the same layout, is positive, and zero elsewhere
};

// kRows x kVectors accumulators: c[row] (+)= sum over steps of a(row, step) * b(row, step), where a is a scalar and b
// kVectors vectors. With kShared, b is the same for all rows, and b_row is ignored. Factors are separate arguments,
// because a struct would be passed through memory.
template <typename T, int kRows, int kVectors, bool kShared, End kEnd>
TFNXC_NEVER_INLINE void block(int64_t steps, const T* a, int64_t a_row, int64_t a_step, const T* b, int64_t b_row,
                              int64_t b_step, T* c, int64_t c_stride, bool add, const T* other) {
  // All loops over rows, vectors and groups must be unrolled, to keep the sums in registers.
  Vector<T> sums[kRows][kVectors];
#pragma GCC unroll 12
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      sums[row][v] = Vector<T>{};
      if (kEnd == End::kStore && add) sums[row][v] = load(c + row * c_stride + v * kLanes<T>);
    }
  }
  // One pointer for three rows: offsets of 0, 1 or 2 strides fit the addressing modes and cost nothing.
  constexpr int kGroups = (kRows + 2) / 3;
  const T* of[kGroups];
#pragma GCC unroll 4
  for (int group = 0; group < kGroups; ++group) of[group] = a + 3 * group * a_row;
  for (int64_t step = 0; step < steps; ++step) {
    Vector<T> run[kVectors];
    if (kShared) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) run[v] = load(b + v * kLanes<T>);
    }
#pragma GCC unroll 12
    for (int row = 0; row < kRows; ++row) {
      const Vector<T> factor = all(of[row / 3][row % 3 * a_row]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        if (!kShared) run[v] = load(b + row * b_row + v * kLanes<T>);
        sums[row][v] += factor * run[v];
      }
    }
#pragma GCC unroll 4
    for (int group = 0; group < kGroups; ++group) of[group] += a_step;
    b += b_step;
  }
#pragma GCC unroll 12
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      const int64_t at = row * c_stride + v * kLanes<T>;
      if (kEnd == End::kRelu) {
        store(c + at, relu<T>(sums[row][v]));
      } else if (kEnd == End::kGate) {
        store(c + at, where_positive<T>(load(other + at), sums[row][v]));
      } else {
        store(c + at, sums[row][v]);
      }
    }
  }
}

// Computes the rows from `row` on in blocks of kRows.
template <typename T, int kRows, int kVectors, bool kShared, End kEnd>
TFNXC_ALWAYS_INLINE void blocks_of(int64_t& row, int64_t rows, int64_t steps, Factor<T> a, Factor<T> b, T* c,
                                   int64_t c_stride, bool add, const T* other) {
  if constexpr (kRows <= kMostRows) {
    for (; row + kRows <= rows; row += kRows) {
      block<T, kRows, kVectors, kShared, kEnd>(steps, a.start + row * a.row_stride, a.row_stride, a.step_stride,
                                               kShared ? b.start : b.start + row * b.row_stride, b.row_stride,
                                               b.step_stride, c + row * c_stride, c_stride, add,
                                               kEnd == End::kGate ? other + row * c_stride : other);
    }
  }
}

template <typename T, int kVectors, bool kShared, End kEnd>
TFNXC_ALWAYS_INLINE void columns_of(int64_t rows, int64_t steps, Factor<T> a, Factor<T> b, T* c, int64_t c_stride,
                                    bool add, const T* other) {
  int64_t row = 0;
  blocks_of<T, 12, kVectors, kShared, kEnd>(row, rows, steps, a, b, c, c_stride, add, other);
  blocks_of<T, 6, kVectors, kShared, kEnd>(row, rows, steps, a, b, c, c_stride, add, other);
  blocks_of<T, 3, kVectors, kShared, kEnd>(row, rows, steps, a, b, c, c_stride, add, other);
  blocks_of<T, 1, kVectors, kShared, kEnd>(row, rows, steps, a, b, c, c_stride, add, other);
}

// c(row, :) (+)= sum over steps of a(row, step) * b(row, step, :), with `columns` columns. Rows of b and c are read and
// written in whole vectors: elements past the last column must be readable, and are overwritten in c.
template <typename T, bool kShared, End kEnd = End::kStore>
TFNXC_ALWAYS_INLINE void product(int64_t rows, int64_t columns, int64_t steps, Factor<T> a, Factor<T> b, T* c,
                                 int64_t c_stride, bool add, const T* other = nullptr) {
  int64_t column = 0;
  for (; column < columns; column += 2 * kLanes<T>) {
    const Factor<T> from{b.start + column, b.row_stride, b.step_stride};
    const T* beside = kEnd == End::kGate ? other + column : nullptr;
    if (column + kLanes<T> < columns) {
      columns_of<T, 2, kShared, kEnd>(rows, steps, a, from, c + column, c_stride, add, beside);
    } else {
      columns_of<T, 1, kShared, kEnd>(rows, steps, a, from, c + column, c_stride, add, beside);
    }
  }
}

// to[k * to_stride + i] = from[i * from_stride + k] for one vector of i, and k < count. Up to 3 elements past the end
// of each row of `from` are read.
template <typename T>
inline void transpose(const T* from, int64_t from_stride, int64_t count, T* to, int64_t to_stride) {
  for (int64_t k = 0; k < count; ++k) {
    for (int64_t lane = 0; lane < kLanes<T>; ++lane) to[k * to_stride + lane] = from[lane * from_stride + k];
  }
}
#if defined(__AVX512F__)
template <>
inline void transpose(const float* from, int64_t from_stride, int64_t count, float* to, int64_t to_stride) {
  for (int64_t k = 0; k < count; k += 4) {
    // Blocks of 4 x 4 elements, one in each quarter of a vector.
    __m512 rows[4];
#pragma GCC unroll 4
    for (int row = 0; row < 4; ++row) {
      const float* at = from + row * from_stride + k;
      rows[row] = _mm512_castps128_ps512(_mm_loadu_ps(at));
      rows[row] = _mm512_insertf32x4(rows[row], _mm_loadu_ps(at + 4 * from_stride), 1);
      rows[row] = _mm512_insertf32x4(rows[row], _mm_loadu_ps(at + 8 * from_stride), 2);
      rows[row] = _mm512_insertf32x4(rows[row], _mm_loadu_ps(at + 12 * from_stride), 3);
    }
    const __m512 low = _mm512_unpacklo_ps(rows[0], rows[1]), high = _mm512_unpackhi_ps(rows[0], rows[1]);
    const __m512 lower = _mm512_unpacklo_ps(rows[2], rows[3]), higher = _mm512_unpackhi_ps(rows[2], rows[3]);
    const __m512 columns[4] = {_mm512_shuffle_ps(low, lower, 0x44), _mm512_shuffle_ps(low, lower, 0xEE),
                               _mm512_shuffle_ps(high, higher, 0x44), _mm512_shuffle_ps(high, higher, 0xEE)};
#pragma GCC unroll 4
    for (int64_t i = 0; i < 4; ++i) {
      if (k + i < count) _mm512_storeu_ps(to + (k + i) * to_stride, columns[i]);
    }
  }
}
#endif

}  // namespace
}  // namespace cpu
}  // namespace tfnxc

#endif  // TFNXC_CPU_SIMD_H_
