// One channel of an image, with zeros around it.
#ifndef TFNXC_CPU_PLANES_H_
#define TFNXC_CPU_PLANES_H_

#include "cpu/simd.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cpu {
namespace {

// Reads `rows` rows of the channel `channel` of `image` from the row `first` on, which may lie outside, into rows of
// `plane_width` numbers that begin with `left` zeros. Up to a vector behind the last is overwritten, with zeros.
template <typename T>
void read_plane(const Problem& p, const T* image, int64_t channel, int64_t first, int64_t rows, int64_t left,
                int64_t plane_width, T* plane) {
  const int64_t height = p.height, width = p.width, channels = p.channels;
  for (int64_t row = 0; row < rows; ++row) {
    T* to = plane + row * plane_width;
    const int64_t from = first + row;
    clear(to, plane_width);  // and some of the next row, which follows
    if (from < 0 || from >= height) continue;
    const T* pixel = image + from * width * channels + channel;
    for (int64_t column = 0; column < width; ++column) to[left + column] = pixel[column * channels];
  }
  clear(plane + rows * plane_width, kLanes<T>);
}

}  // namespace
}  // namespace cpu
}  // namespace tfnxc

#endif  // TFNXC_CPU_PLANES_H_
