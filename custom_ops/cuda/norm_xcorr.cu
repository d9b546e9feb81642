// The functions of the header. They process the batch in chunks whose arrays fit in the workspace.
//
// First, the planes of a chunk are extracted from x and y and padded, and the mean and deviation of every patch are
// stored (patches.cuh). All other kernels load the patches of a tile from there, normalize them on the way into shared
// memory, and compare them there (products.cuh). No two blocks write the same element, so results are deterministic.
#include "cuda/correlation.cuh"
#include "cuda/gradient.cuh"
#include "cuda/summary.cuh"
#include "cuda/sums.cuh"
#include "cuda/workspace.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cuda {
namespace {

template <typename T>
using ComputedType = typename Computed<T>::Type;

template <typename T, typename A>
void read_patches(Queue* queue, const Problem& p, const Chunk& chunk, const T* maps, const Patches<A>& patches) {
  queue->launch(pad_kernel<T, A>, Element::blocks(chunk.planes(), patches.pixel_count()), kThreads, Shape(p), chunk,
                patches, maps);
  queue->launch(describe_kernel<A>, Element::blocks(chunk.planes(), patches.count()), kThreads, patches);
}

template <typename T, typename Arrays>
void read_both(Queue* queue, const Problem& p, const Chunk& chunk, const T* x, const T* y, const Arrays& arrays) {
  read_patches(queue, p, chunk, x, arrays.x);
  read_patches(queue, p, chunk, y, arrays.y);
}

// From the gradient of the scores of some rows to that of the normalized patches of x or y, in rows [begin, end).
template <bool kToX, typename G, typename A>
void gather(Queue* queue, const Problem& p, const Chunk& chunk, const Patches<A>& own, const Patches<A>& other,
            const Upstream<G>& upstream, int begin, int end, bool accumulate, A* gradient) {
  const Shape shape(p);
  const Tiling tiling = make_tiling<A>(p, end - begin, own.columns);
  const int lanes = std::max(tiling.window_lanes(), pixel_lanes(shape));
  queue->launch(p.whole_width() ? gather_kernel<true, kToX, G, A> : gather_kernel<false, kToX, G, A>,
                chunk.planes() * tiling.tiles() * pixel_tiles(shape), threads_for(tiling.groups(), lanes), shape,
                chunk.channels, tiling, own, other, upstream, begin, end, accumulate, gradient);
}

// To both. The first call writes all patches of y, so that later ones can add to any.
template <typename G, typename A>
void gather_both(Queue* queue, const Problem& p, const Chunk& chunk, const GradientArrays<A>& arrays,
                 const Upstream<G>& upstream) {
  const int begin = upstream.row, end = begin + upstream.rows;
  const bool first = begin == 0;
  gather<true>(queue, p, chunk, arrays.x, arrays.y, upstream, begin, end, false, arrays.to_x);
  gather<false>(queue, p, chunk, arrays.y, arrays.x, upstream, begin,
                first ? arrays.y.rows : end + 2 * arrays.y.halo_rows, !first, arrays.to_y);
}

// From the gradient of normalized patches to that of the map.
template <typename T, typename A>
void fold(Queue* queue, const Problem& p, const Chunk& chunk, const Patches<A>& patches, const A* gradient, A* slope,
          T* maps) {
  const Shape shape(p);
  queue->launch(slope_kernel<A>, Element::blocks(chunk.planes(), patches.count()), kThreads, patches, p.published,
                gradient, slope);
  queue->launch(fold_kernel<T, A>, Element::blocks(chunk.planes(), shape.pixels()), kThreads, shape, chunk, patches,
                gradient, slope, maps);
}

template <typename T, typename A>
void fold_both(Queue* queue, const Problem& p, const Chunk& chunk, const GradientArrays<A>& arrays, T* dx, T* dy) {
  fold(queue, p, chunk, arrays.x, arrays.to_x, arrays.slope_x, dx);
  fold(queue, p, chunk, arrays.y, arrays.to_y, arrays.slope_y, dy);
}

// The channels of the summary are shared by several blocks, if the images of a chunk are too few to fill a GPU.
template <typename A>
struct ChannelShares {
  ChannelShares(const Problem& p, const Chunk& largest, Arena* arena)
      : count(share_count(p, largest)),
        partial(count == 1 ? nullptr : arena->take<A>(count * largest.images * p.pixels() * p.filters)) {}

  static int share_count(const Problem& p, const Chunk& largest) {
    const int64_t blocks = largest.images * make_tiling<A>(p, p.height, p.width).tiles() * filter_tiles(Shape(p));
    return static_cast<int>(std::max<int64_t>(1, std::min(p.channels, wanted_blocks() / blocks)));
  }

  int count;
  A* partial;
};

// The gradients of the summary's kernel and bias are computed in partial sums: enough to fill a GPU, few enough for the
// workspace, and the same number on every GPU.
constexpr int kBiasShares = 64;

template <typename A>
struct Shares {
  Shares(const Problem& p, Arena* arena)
      : count(share_count(p)),
        of_kernel(arena->take<A>(count * p.maps() * p.filters)),
        of_bias(arena->take<A>(kBiasShares * p.filters)) {}

  static int share_count(const Problem& p) {
    const Tiling tiling = make_tiling<A>(p, p.height, p.width);
    const int64_t blocks = p.channels * tiling.parts() * filter_tiles(Shape(p));
    const int64_t bytes = std::max<int64_t>(1, p.maps() * p.filters * static_cast<int64_t>(sizeof(A)));
    const int64_t most = std::min({int64_t{32}, p.batch * tiling.tiles(), chunk_bytes() / bytes});
    return static_cast<int>(std::max<int64_t>(1, std::min(2 * wanted_blocks() / blocks, most)));
  }

  int count;
  A *of_kernel, *of_bias;
};

template <typename Arrays>
size_t workspace_for(const Problem& p, const Chunk& largest) {
  Arena arena(nullptr);
  Arrays(p, largest.planes(), &arena);
  return arena.used();
}

}  // namespace

template <typename T>
size_t forward_workspace(const Problem& p) {
  using Arrays = PatchArrays<ComputedType<T>>;
  return workspace_for<Arrays>(p, largest_chunk<Arrays>(p, false));
}

template <typename T>
int forward(const Problem& p, const T* x, const T* y, T* out, void* workspace, void* stream) {
  using A = ComputedType<T>;
  const Chunk largest = largest_chunk<PatchArrays<A>>(p, false);
  Arena arena(workspace);
  const PatchArrays<A> arrays(p, largest.planes(), &arena);
  const Shape shape(p);
  const Tiling tiling = make_tiling<A>(p, p.height, p.width);
  Queue queue(stream);
  for_each_chunk(p, largest, [&](const Chunk& chunk) {
    read_both(&queue, p, chunk, x, y, arrays);
    queue.launch(p.whole_width() ? correlation_kernel<true, T, A> : correlation_kernel<false, T, A>,
                 chunk.planes() * tiling.tiles(), threads_for(tiling.groups(), tiling.window_lanes()), shape, chunk,
                 tiling, arrays.x, arrays.y, out);
  });
  return queue.error();
}

template <typename T>
size_t gradient_workspace(const Problem& p) {
  using Arrays = GradientArrays<ComputedType<T>>;
  return workspace_for<Arrays>(p, largest_chunk<Arrays>(p, false));
}

template <typename T>
int gradient(const Problem& p, const T* x, const T* y, const T* upstream, T* dx, T* dy, void* workspace, void* stream) {
  using A = ComputedType<T>;
  const Chunk largest = largest_chunk<GradientArrays<A>>(p, false);
  Arena arena(workspace);
  const GradientArrays<A> arrays(p, largest.planes(), &arena);
  Queue queue(stream);
  for_each_chunk(p, largest, [&](const Chunk& chunk) {
    read_both(&queue, p, chunk, x, y, arrays);
    const T* of_chunk = upstream + chunk.image * p.pixels() * p.maps() + chunk.channel * p.window();
    gather_both(&queue, p, chunk, arrays,
                Upstream<T>{of_chunk, p.pixels() * p.maps(), p.window(), p.maps(), 0, static_cast<int>(p.height)});
    fold_both(&queue, p, chunk, arrays, dx, dy);
  });
  return queue.error();
}

template <typename T>
size_t summary_workspace(const Problem& p) {
  using A = ComputedType<T>;
  const Chunk largest = largest_chunk<PatchArrays<A>>(p, true);
  Arena arena(nullptr);
  ChannelShares<A>(p, largest, &arena);
  return arena.used() + workspace_for<PatchArrays<A>>(p, largest);
}

template <typename T>
int summary(const Problem& p, const T* x, const T* y, const T* kernel, const T* bias, T* out, void* workspace,
            void* stream) {
  using A = ComputedType<T>;
  const Chunk largest = largest_chunk<PatchArrays<A>>(p, true);
  Arena arena(workspace);
  const ChannelShares<A> shares(p, largest, &arena);
  const PatchArrays<A> arrays(p, largest.planes(), &arena);
  const Shape shape(p);
  const Tiling tiling = make_tiling<A>(p, p.height, p.width);
  const int lanes = std::max(tiling.window_lanes(), filter_lanes(shape));
  Queue queue(stream);
  for_each_chunk(p, largest, [&](const Chunk& chunk) {
    read_both(&queue, p, chunk, x, y, arrays);
    queue.launch(p.whole_width() ? summary_kernel<true, T, A> : summary_kernel<false, T, A>,
                 chunk.images * shares.count * tiling.tiles() * filter_tiles(shape),
                 threads_for(tiling.groups(), lanes), shape, chunk, tiling, arrays.x, arrays.y, kernel, bias,
                 shares.count, shares.partial, out);
    if (shares.count == 1) return;
    const int64_t of_image = p.pixels() * p.filters, sums = chunk.images * of_image;
    queue.launch(add_shares_kernel<T, A>, blocks_for(sums, kThreads), kThreads, shares.partial, shares.count, sums, bias,
                 shape.filters, out + chunk.image * of_image);
  });
  return queue.error();
}

template <typename T>
size_t summary_gradient_workspace(const Problem& p) {
  using A = ComputedType<T>;
  Arena arena(nullptr);
  Shares<A>(p, &arena);
  return arena.used() + workspace_for<SummaryGradientArrays<A>>(p, largest_chunk<SummaryGradientArrays<A>>(p, false));
}

template <typename T>
int summary_gradient(const Problem& p, const T* x, const T* y, const T* kernel, const T* upstream, T* dx, T* dy,
                     T* dkernel, T* dbias, void* workspace, void* stream) {
  using A = ComputedType<T>;
  const Chunk largest = largest_chunk<SummaryGradientArrays<A>>(p, false);
  Arena arena(workspace);
  const Shares<A> shares(p, &arena);
  const SummaryGradientArrays<A> arrays(p, largest.planes(), &arena);
  const Shape shape(p);
  Queue queue(stream);
  for_each_chunk(p, largest, [&](const Chunk& chunk) {
    read_both(&queue, p, chunk, x, y, arrays);
    for (int row = 0; row < shape.height; row += arrays.rows) {
      const int rows = std::min(arrays.rows, shape.height - row);
      const Tiling tiling = make_tiling<A>(p, rows, p.width);
      // Enough threads for positions x window positions, and for window positions x filters.
      const int threads = std::max(threads_for(tiling.groups(), tiling.window_lanes()),
                                   threads_for(tiling.window_lanes(), filter_lanes(shape)));
      queue.launch(p.whole_width() ? summary_gradient_kernel<true, T, A> : summary_gradient_kernel<false, T, A>,
                   int64_t{chunk.channels} * tiling.parts() * filter_tiles(shape) * shares.count, threads, shape, chunk,
                   tiling, arrays.x, arrays.y, kernel, upstream, row, rows, shares.count, chunk.image > 0 || row > 0,
                   arrays.of_scores, shares.of_kernel);
      const int64_t of_plane = rows * p.width * p.window();
      gather_both(&queue, p, chunk, arrays,
                  Upstream<A>{arrays.of_scores, chunk.channels * of_plane, of_plane, p.window(), row, rows});
    }
    fold_both(&queue, p, chunk, arrays, dx, dy);
  });
  const int64_t weights = p.maps() * p.filters;
  queue.launch(add_shares_kernel<T, A>, blocks_for(weights, kThreads), kThreads, shares.of_kernel,
               p.batch == 0 ? 0 : shares.count, weights, nullptr, 0, dkernel);
  if (p.filters == 0) return queue.error();
  queue.launch(column_sums_kernel<T, A>, kBiasShares, kThreads, upstream, p.batch * p.pixels(), shape.filters,
               shares.of_bias);
  queue.launch(add_shares_kernel<T, A>, blocks_for(p.filters, kThreads), kThreads, shares.of_bias, kBiasShares,
               p.filters, nullptr, 0, dbias);
  return queue.error();
}

#define TFNXC_INSTANTIATE(T)                                                                         \
  template size_t forward_workspace<T>(const Problem&);                                              \
  template int forward<T>(const Problem&, const T*, const T*, T*, void*, void*);                     \
  template size_t gradient_workspace<T>(const Problem&);                                             \
  template int gradient<T>(const Problem&, const T*, const T*, const T*, T*, T*, void*, void*);      \
  template size_t summary_workspace<T>(const Problem&);                                              \
  template int summary<T>(const Problem&, const T*, const T*, const T*, const T*, T*, void*, void*); \
  template size_t summary_gradient_workspace<T>(const Problem&);                                     \
  template int summary_gradient<T>(const Problem&, const T*, const T*, const T*, const T*, T*, T*, T*, T*, void*, void*)
TFNXC_INSTANTIATE(float);
TFNXC_INSTANTIATE(double);
TFNXC_INSTANTIATE(__half);
TFNXC_INSTANTIATE(__nv_bfloat16);
#undef TFNXC_INSTANTIATE

}  // namespace cuda
}  // namespace tfnxc
