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

// Null, or what is wrong with the problem: a size out of range, or an array with too many elements. `writes_maps`:
// whether the correlation itself is stored, and not only its summary.
const char* find_error(const Problem& problem, bool writes_maps);
// The same for the differences.
const char* find_cross_input_error(const Problem& problem);

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

// The kernels of one instruction set.
template <typename T>
struct Kernels {
  const char* name;

  Kernel<T> forward;   // x, y -> out, the correlation
  Kernel<T> gradient;  // x, y, upstream -> dx, dy

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
