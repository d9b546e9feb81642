// Normalized correlation of patches over a search window (SPEC section 1), and cross-input neighborhood differences
// (section 2): kernels over pointers and sizes, independent of any framework.
//
// All arrays are dense and row-major. Feature maps are (batch, height, width, channels), the correlation is
// (batch, height, width, channels * window). A summary, of the correlation or of the differences, is a ReLU followed by
// a 1x1 convolution: (batch, height, width, filters). Kernels neither allocate memory nor keep state: the caller
// provides scratch memory and threads.
#ifndef TFNXC_NORM_XCORR_H_
#define TFNXC_NORM_XCORR_H_

#include <stddef.h>
#include <stdint.h>

namespace tfnxc {

// What is computed. Sizes are per image, except `batch`. The differences use neither patches, nor epsilon, nor
// `published`.
struct Problem {
  int64_t batch, height, width, channels;
  int64_t patch_height, patch_width;  // odd, together more than one pixel
  int64_t rows;                       // of the search window: odd, relative to the position
  int64_t columns;                    // odd, relative likewise; or 0: the whole width, absolute
  double epsilon;                     // added to each deviation: S = s + epsilon
  bool published;                     // gradient of equations (6) and (7) of the supplement, not the exact one
  int64_t filters;                    // of the summary; 0 if there is none

  int64_t pixels() const { return height * width; }
  int64_t patch() const { return patch_height * patch_width; }  // N
  bool whole_width() const { return columns == 0; }
  int64_t window_columns() const { return whole_width() ? width : columns; }
  int64_t window() const { return rows * window_columns(); }
  int64_t maps() const { return channels * window(); }
  // How far outside the map patches of y may be centred.
  int64_t halo_rows() const { return rows / 2; }
  int64_t halo_columns() const { return columns / 2; }
};

// A correlation of any geometry: the windows of a Problem with steps, other borders, and two maps of two sizes.
enum class Padding {
  kSame,    // patches around every pixel, zeros outside the map, also of patches that lie there
  kValid,   // patches inside the map only, counted by their first pixel
  kMasked,  // patches around every pixel, of the pixels inside only
};

// Its rows or its columns. A map has a grid of patches; positions are some places of the grid of x, and each has a
// window of places of the grid of y. With kSame a place may be outside.
struct Axis {
  int64_t x, y;      // pixels of the maps
  int64_t patch;     // odd; with kValid any
  int64_t window;    // odd, relative to the position; or 0: the whole grid, absolute
  int64_t stride;    // from one position to the next
  int64_t dilation;  // from one place of the window to the next
  Padding padding;

  int64_t grid(int64_t pixels) const { return padding == Padding::kValid ? pixels - patch + 1 : pixels; }
  int64_t positions() const { return (grid(x) + stride - 1) / stride; }
  int64_t window_size() const { return window == 0 ? (grid(y) + dilation - 1) / dilation : window; }
  // How far outside the map patches of y hold pixels of it and are compared.
  int64_t halo() const { return padding == Padding::kSame && window != 0 ? patch / 2 : 0; }
};

// Maps x are (x_batch, rows.x, columns.x, channels), maps y (y_batch, rows.y, columns.y, channels); one batch may be of
// 1, which is compared with each of the other. The correlation is (batch, positions down, positions across, groups,
// window rows, window columns). A group is a channel; or all, as a weighted sum.
struct AnyProblem {
  int64_t x_batch, y_batch, channels;
  Axis rows, columns;
  double epsilon;
  bool published, reduced;

  int64_t batch() const { return x_batch == 1 ? y_batch : x_batch; }
  int64_t patch() const { return rows.patch * columns.patch; }
  int64_t groups() const { return reduced ? 1 : channels; }
  int64_t window() const { return rows.window_size() * columns.window_size(); }
  int64_t positions() const { return rows.positions() * columns.positions(); }
};

// Null, or what is wrong with the problem: a size out of range, or an array with too many elements. `writes_maps`:
// whether the correlation itself is stored, and not only its summary.
const char* find_error(const Problem& problem, bool writes_maps);
// The same for the differences.
const char* find_cross_input_error(const Problem& problem);
// The same for a correlation of any geometry.
const char* find_any_error(const AnyProblem& problem);

// The correlation stays the same if maps and epsilon are multiplied by one number. Kernels multiply them by this power of
// two, so that no difference or sum of finite numbers overflows.
constexpr double kMapScale = 1.0 / 65536;

// The most elements of an array: some of TensorFlow's own kernels use 32-bit indices.
constexpr int64_t kMostElements = INT32_MAX;

namespace cpu {

// Duplicate images of the two batches, as when a few probes are compared with a few gallery images each. The summary of
// the correlation extracts the patches of an image once for the pairs of a tile that share it.
struct Duplicates {
  const int64_t *x_of, *y_of;  // for each pair, the first image of the batch with the same content
  int64_t tile;                // pairs that are processed together, 1 to `most_pairs` of the kernel
};

// Sets `first` to the first image of the batch that equals each image bit for bit. An image has `size` bytes.
void find_duplicates(const void* images, int64_t batch, int64_t size, int64_t* first);

// The arguments of a kernel. Those that it does not use are null.
template <typename T>
struct Arrays {
  const T *x, *y;          // feature maps
  const T *kernel, *bias;  // of the summary's convolution: (maps, filters) and (filters)
  const T* packed;         // `kernel`, rearranged by `pack`
  const T* upstream;       // gradient of `out`
  T* out;                  // the correlation, or a summary
  T *dx, *dy;
  T* partial;  // this thread's sum of the gradient of `kernel`: `partial_size` elements, zero at first
  T* scratch;  // this thread's memory: `scratch_size` elements
  int64_t row_blocks;  // of a map in forward kernels: at least fewest_row_blocks
  Duplicates duplicates;
};

// A kernel computes the items [begin, end) of its work. Different items write different elements of the results, so
// threads can share them.
template <typename T>
struct Kernel {
  int64_t (*scratch_size)(const Problem&);
  void (*run)(const Problem&, const Arrays<T>&, int64_t begin, int64_t end);
  int64_t most_pairs = 1;  // of a tile; 1 if the kernel does not use `duplicates`
  bool uses_packed = false;
};

// The arguments of a kernel of any geometry. Those that it does not use are null.
template <typename T>
struct AnyArrays {
  const T *x, *y;      // feature maps
  const T* weights;    // (channels), where the problem is reduced
  const T* upstream;   // gradient of `out`
  T* out;              // the correlation
  T *dx, *dy;
  T* dweights;         // of each image apart: (images_apart, channels)
  T* scratch;          // this thread's memory: `scratch_size` elements
  int64_t row_blocks;  // of the positions in the forward kernel: at least fewest_row_blocks
  int64_t chunks;      // of the channels in the gradient: at least fewest_chunks
};

// A kernel of any geometry: as above.
template <typename T>
struct AnyKernel {
  int64_t (*scratch_size)(const AnyProblem&);
  void (*run)(const AnyProblem&, const AnyArrays<T>&, int64_t begin, int64_t end);
};

// The kernels of one instruction set.
template <typename T>
struct Kernels {
  const char* name;

  Kernel<T> forward;   // x, y -> out, the correlation
  Kernel<T> gradient;  // x, y, upstream -> dx, dy

  AnyKernel<T> any_forward;   // x, y, weights -> out
  AnyKernel<T> any_gradient;  // x, y, weights, upstream -> dx, dy, dweights

  // bias + kernel applied to ReLU(correlation).
  Kernel<T> summary;           // x, y, packed, bias, duplicates -> out
  Kernel<T> summary_gradient;  // x, y, packed, upstream, duplicates -> dx, dy, partial

  // bias + kernel applied to ReLU(cross-input neighborhood differences).
  Kernel<T> cross_input;           // x, y, packed, bias -> out
  Kernel<T> cross_input_gradient;  // x, y, kernel, upstream -> dx, dy, partial

  int64_t (*packed_size)(const Problem&);
  void (*pack)(const Problem&, const T* kernel, T* packed);
  int64_t (*partial_size)(const Problem&);
  // The gradients of kernel and bias from `count` partial sums, one after the other in memory.
  void (*add_partials)(const Problem&, const T* partials, int64_t count, const T* upstream, T* dkernel, T* dbias);
};

// How many items the work has. Forward kernels are split into tiles of pairs and blocks of rows, gradients into tiles
// and channels. Kernels without duplicates have tiles of one pair.
constexpr int64_t kBlockRows = 8;  // at most
inline int64_t tiles(const Problem& p, int64_t tile) { return (p.batch + tile - 1) / tile; }
inline int64_t fewest_row_blocks(const Problem& p) { return (p.height + kBlockRows - 1) / kBlockRows; }
inline int64_t forward_items(const Problem& p, int64_t tile, int64_t row_blocks) { return tiles(p, tile) * row_blocks; }
inline int64_t gradient_items(const Problem& p, int64_t tile = 1) { return tiles(p, tile) * p.channels; }

// The same of any geometry: forward, blocks of rows of positions of each pair; and gradients, chunks of channels of
// each pair, or of all where the batch of one map is 1, because they add to the same gradient.
constexpr int64_t kMostTogether = 16;  // channels
inline int64_t fewest_row_blocks(const AnyProblem& p) { return (p.rows.positions() + kBlockRows - 1) / kBlockRows; }
inline int64_t fewest_chunks(const AnyProblem& p) {
  const int64_t together = !p.reduced ? 1 : p.patch() <= 16 ? kMostTogether : 1 + 255 / p.patch();
  return (p.channels + together - 1) / together;
}
inline int64_t forward_items(const AnyProblem& p, int64_t row_blocks) { return p.batch() * row_blocks; }
inline int64_t images_apart(const AnyProblem& p) { return p.x_batch == p.y_batch ? p.batch() : 1; }
inline int64_t gradient_items(const AnyProblem& p, int64_t chunks) { return images_apart(p) * chunks; }

// The kernels of the best instruction set of this processor, or of a named one: null if the processor lacks it.
template <typename T>
const Kernels<T>* best_kernels();
template <typename T>
const Kernels<T>* kernels_named(const char* name);

}  // namespace cpu

namespace cuda {

// The same on an NVIDIA GPU. Pointers are to device memory, `stream` is a cudaStream_t, and `workspace` is device
// memory of the size in bytes that the function with that suffix returns, possibly 0. Functions queue their work on the
// stream and do not wait for it. T is float, double, __half or __nv_bfloat16; the latter two are computed in float.
// Functions return a cudaError_t, 0 for success.
template <typename T>
size_t forward_workspace(const Problem&);
template <typename T>
int forward(const Problem&, const T* x, const T* y, T* out, void* workspace, void* stream);

template <typename T>
size_t gradient_workspace(const Problem&);
template <typename T>
int gradient(const Problem&, const T* x, const T* y, const T* upstream, T* dx, T* dy, void* workspace, void* stream);

// `kernel` and `dkernel` are (maps, filters), `bias` and `dbias` (filters).
template <typename T>
size_t summary_workspace(const Problem&);
template <typename T>
int summary(const Problem&, const T* x, const T* y, const T* kernel, const T* bias, T* out, void* workspace,
            void* stream);

template <typename T>
size_t summary_gradient_workspace(const Problem&);
template <typename T>
int summary_gradient(const Problem&, const T* x, const T* y, const T* kernel, const T* upstream, T* dx, T* dy,
                     T* dkernel, T* dbias, void* workspace, void* stream);

}  // namespace cuda
}  // namespace tfnxc

#endif  // TFNXC_NORM_XCORR_H_
