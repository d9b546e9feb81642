// The 1x1 convolution of the summaries: the packed kernel, the bias, and the gradients of both.
#ifndef TFNXC_CPU_SUMMARY_CONVOLUTION_H_
#define TFNXC_CPU_SUMMARY_CONVOLUTION_H_

#include "cpu/simd.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cpu {
namespace {

// The layout of the packed kernel: first, per channel, [window][filters, padded] for products that sum over window
// positions; then, per channel, [filters][window, padded] for products that sum over filters.
template <typename T>
struct Packed {
  explicit Packed(const Problem& p)
      : filters(padded<T>(p.filters)),
        window(padded<T>(p.window())),
        by_position(p.window() * filters),
        by_filter(p.filters * window),
        size(p.channels * (by_position + by_filter) + 2 * kLanes<T>) {}
  const T* channel_by_position(const T* packed, int64_t channel) const { return packed + channel * by_position; }
  const T* channel_by_filter(const Problem& p, const T* packed, int64_t channel) const {
    return packed + p.channels * by_position + channel * by_filter;
  }
  const int64_t filters, window, by_position, by_filter, size;
};

template <typename T>
int64_t packed_size(const Problem& p) {
  return Packed<T>(p).size;
}

template <typename T>
void pack(const Problem& p, const T* kernel, T* packed) {
  const Packed<T> layout(p);
  for (int64_t i = 0; i < layout.size; ++i) packed[i] = 0;
  T* by_filter = packed + p.channels * layout.by_position;
  for (int64_t channel = 0; channel < p.channels; ++channel) {
    for (int64_t position = 0; position < p.window(); ++position) {
      for (int64_t filter = 0; filter < p.filters; ++filter) {
        const T value = kernel[(channel * p.window() + position) * p.filters + filter];
        packed[channel * layout.by_position + position * layout.filters + filter] = value;
        by_filter[channel * layout.by_filter + filter * layout.window + position] = value;
      }
    }
  }
}

// Adds the bias to the sums of `count` positions, of padded(filters) elements each, and writes them.
template <typename T>
void write_sums(const Problem& p, const T* sums, int64_t count, const T* bias, T* out) {
  const int64_t filters = padded<T>(p.filters);
  for (int64_t position = 0; position < count; ++position) {
    for (int64_t filter = 0; filter < p.filters; ++filter) {
      out[position * p.filters + filter] = sums[position * filters + filter] + bias[filter];
    }
  }
}

template <typename T>
int64_t partial_size(const Problem& p) {
  return p.maps() * padded<T>(p.filters) + 2 * kLanes<T>;
}

template <typename T>
void add_partials(const Problem& p, const T* partials, int64_t count, const T* upstream, T* dkernel, T* dbias) {
  const int64_t filters = padded<T>(p.filters), size = partial_size<T>(p);
  for (int64_t map = 0; map < p.maps(); ++map) {
    for (int64_t filter = 0; filter < p.filters; ++filter) {
      T total = 0;
      for (int64_t i = 0; i < count; ++i) total += partials[i * size + map * filters + filter];
      dkernel[map * p.filters + filter] = total;
    }
  }
  // Row by row, so that float sums over many images stay accurate.
  for (int64_t filter = 0; filter < p.filters; ++filter) dbias[filter] = 0;
  for (int64_t row = 0; row < p.batch * p.height; ++row) {
    for (int64_t filter = 0; filter < p.filters; ++filter) {
      T total = 0;
      for (int64_t x = 0; x < p.width; ++x) total += upstream[(row * p.width + x) * p.filters + filter];
      dbias[filter] += total;
    }
  }
}

}  // namespace
}  // namespace cpu
}  // namespace tfnxc

#endif  // TFNXC_CPU_SUMMARY_CONVOLUTION_H_
