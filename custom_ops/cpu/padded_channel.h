// Reading one channel of an image, zero-padded.
#ifndef TFNXC_CPU_PADDED_CHANNEL_H_
#define TFNXC_CPU_PADDED_CHANNEL_H_

#include "cpu/simd.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cpu {
namespace {

// Reads `rows` rows of one channel of `image`, beginning with the row `first`, which may be outside the image, times
// `scale`. Each row of `plane` has `plane_width` elements, of which the first `left` are zeros. One vector past the end
// is set to zero.
template <typename T>
void read_padded_channel(const Problem& p, const T* image, int64_t channel, int64_t first, int64_t rows, int64_t left,
                         int64_t plane_width, T* plane, T scale = 1) {
  const int64_t height = p.height, width = p.width, channels = p.channels;
  for (int64_t row = 0; row < rows; ++row) {
    T* to = plane + row * plane_width;
    const int64_t from = first + row;
    clear(to, plane_width);  // and the start of the next row, which is written later
    if (from < 0 || from >= height) continue;
    const T* pixel = image + from * width * channels + channel;
    for (int64_t column = 0; column < width; ++column) to[left + column] = pixel[column * channels] * scale;
  }
  clear(plane + rows * plane_width, kLanes<T>);
}

}  // namespace
}  // namespace cpu
}  // namespace tfnxc

#endif  // TFNXC_CPU_PADDED_CHANNEL_H_
