// Normalized correlation of patches over a search window (SPEC section 1), and cross-input neighborhood differences over
// one (section 2): kernels over pointers and sizes, without a framework.
//
// Every array is dense and row-major. Feature maps are (batch, height, width, channels). The correlation is
// (batch, height, width, channels * window), and its summary (ReLU, then a 1x1 convolution) (batch, height, width,
// filters), as is that of the differences. The kernels allocate nothing and keep no state: the caller brings scratch memory and threads.
#ifndef TFNXC_NORM_XCORR_H_
#define TFNXC_NORM_XCORR_H_

#include <stddef.h>
#include <stdint.h>

namespace tfnxc {

// What is computed. Sizes are of one image unless they say otherwise. The differences have no patches, no epsilon and one
// gradient.
struct Problem {
  int64_t batch, height, width, channels;
  int64_t patch_height, patch_width;  // odd, together more than one pixel
  int64_t rows;                       // of the search window: odd, relative to the position
  int64_t columns;                    // odd, relative likewise; or 0: the whole width, absolute
  double epsilon;                     // added to each deviation: S = s + epsilon
  bool published;                     // gradient of equations (6) and (7) of the supplement, not the exact one
  int64_t filters;                    // of the summary; 0 where there is none

  int64_t pixels() const { return height * width; }
  int64_t patch() const { return patch_height * patch_width; }  // N
  bool whole_width() const { return columns == 0; }
  int64_t window_columns() const { return whole_width() ? width : columns; }
  int64_t window() const { return rows * window_columns(); }
  int64_t maps() const { return channels * window(); }
  // How far outside the map patches of the second map are centred.
  int64_t halo_rows() const { return rows / 2; }
  int64_t halo_columns() const { return columns / 2; }
};

// Null, or what is wrong with the problem: a size out of its range, or arrays too large to be counted.
// `writes_maps`: whether the correlation itself is an array, or only its summary.
const char* find_error(const Problem& problem, bool writes_maps);
// The same for the differences.
const char* find_cross_input_error(const Problem& problem);

// Elements that an array may hold: TensorFlow's own kernels count in 32 bits here and there.
constexpr int64_t kMostElements = INT32_MAX;

namespace cpu {

// Which images of the two batches are the same: a kernel that is told takes their patches once for all pairs of a tile,
// as when some probes are compared with some gallery images each.
struct Repeats {
  const int64_t *x_of, *y_of;  // of each pair: the first image of its batch that equals its own
  int64_t tile;                // pairs that are worked on together, 1 to kMostPairs
};
constexpr int64_t kMostPairs = 32;
// Pairs of a tile for the gradient of the summary, which goes back to each pair's maps once a channel: few enough that
// their gradients stay in a cache meanwhile.
constexpr int64_t kMostGradientPairs = 9;

// Fills `first` with the first image of a batch that equals each: bit for bit, `size` bytes an image.
void find_repeats(const void* images, int64_t batch, int64_t size, int64_t* first);

// One instruction set's kernels. Each does the items [begin, end) of its work, so that threads can share it: they write
// disjoint parts of the results. `scratch` holds as many elements as the function of that name asks, for each thread.
template <typename T>
struct Kernels {
  const char* name;

  // Correlation; items: forward_items(problem).
  int64_t (*forward_scratch)(const Problem&);
  void (*forward)(const Problem&, const T* x, const T* y, T* out, T* scratch, int64_t begin, int64_t end);

  // Its gradient, given the upstream one of `out`; items: gradient_items(problem).
  int64_t (*gradient_scratch)(const Problem&);
  void (*gradient)(const Problem&, const T* x, const T* y, const T* upstream, T* dx, T* dy, T* scratch, int64_t begin,
                   int64_t end);

  // Summary: bias + kernel (maps, filters) applied to ReLU(correlation). `packed` is the kernel as pack wrote it. Items:
  // summary_items(problem, repeats).
  int64_t (*packed_size)(const Problem&);
  void (*pack)(const Problem&, const T* kernel, T* packed);
  int64_t (*summary_scratch)(const Problem&);
  void (*summary)(const Problem&, const T* x, const T* y, const Repeats&, const T* packed, const T* bias, T* out,
                  T* scratch, int64_t begin, int64_t end);

  // Gradient of the summary; items: summary_gradient_items(problem, repeats). Each caller brings a `partial` of its own,
  // of partial_size elements, that it set to zero and gives to all of its calls; add_partials then sums those of all.
  int64_t (*partial_size)(const Problem&);
  int64_t (*summary_gradient_scratch)(const Problem&);
  void (*summary_gradient)(const Problem&, const T* x, const T* y, const Repeats&, const T* packed, const T* upstream,
                           T* dx, T* dy, T* partial, T* scratch, int64_t begin, int64_t end);
  void (*add_partials)(const Problem&, const T* partials, int64_t count, const T* upstream, T* dkernel, T* dbias);

  // The same of the ReLU of cross-input neighborhood differences; items: forward_items(problem) and
  // gradient_items(problem). The kernel of the gradient is not packed.
  int64_t (*cross_input_scratch)(const Problem&);
  void (*cross_input)(const Problem&, const T* x, const T* y, const T* packed, const T* bias, T* out, T* scratch,
                      int64_t begin, int64_t end);
  int64_t (*cross_input_gradient_scratch)(const Problem&);
  void (*cross_input_gradient)(const Problem&, const T* x, const T* y, const T* kernel, const T* upstream, T* dx, T* dy,
                               T* partial, T* scratch, int64_t begin, int64_t end);
};

// The work of the forward kernel is cut into blocks of rows of an image, that of the summary into blocks of rows of a tile
// of pairs, that of the gradient into channels of an image, that of the summary's gradient into channels of a tile.
constexpr int64_t kBlockRows = 8;
inline int64_t blocks_of_rows(const Problem& p) { return (p.height + kBlockRows - 1) / kBlockRows; }
inline int64_t forward_items(const Problem& p) { return p.batch * blocks_of_rows(p); }
inline int64_t summary_items(const Problem& p, const Repeats& repeats) {
  return (p.batch + repeats.tile - 1) / repeats.tile * blocks_of_rows(p);
}
inline int64_t gradient_items(const Problem& p) { return p.batch * p.channels; }
inline int64_t summary_gradient_items(const Problem& p, const Repeats& repeats) {
  return (p.batch + repeats.tile - 1) / repeats.tile * p.channels;
}

// The kernels of the best instruction set of this processor; or of a named one, null where it has none such.
template <typename T>
const Kernels<T>* best_kernels();
template <typename T>
const Kernels<T>* kernels_named(const char* name);

}  // namespace cpu

namespace cuda {

// The same on a GPU of NVIDIA's. Pointers are to device memory, `stream` is a cudaStream_t, `workspace` is device memory
// of as many bytes as the function of that name says (0 is possible). Everything is queued on the stream, nothing waits
// for it. T is float, double, __half or __nv_bfloat16; the latter two are computed in float. Returns a cudaError_t, 0 for
// success.
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
