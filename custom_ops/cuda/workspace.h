// The arrays in the caller's workspace, and the chunks that limit their size.
#ifndef TFNXC_CUDA_WORKSPACE_H_
#define TFNXC_CUDA_WORKSPACE_H_

#include <algorithm>

#include "cuda/patches.cuh"

namespace tfnxc {
namespace cuda {

// Divides the workspace into arrays. Without memory, it only counts their bytes.
class Arena {
 public:
  explicit Arena(void* start) : start_(static_cast<char*>(start)) {}

  template <typename T>
  T* take(int64_t count) {
    const size_t size = static_cast<size_t>(count) * sizeof(T);
    const size_t reserved = (size + kGuardBytes + kAlignment - 1) / kAlignment * kAlignment;
    char* array = start_ == nullptr ? nullptr : start_ + used_;
    if (array != nullptr) guard(array + size, reserved - size);
    used_ += reserved;
    return reinterpret_cast<T*>(array);
  }
  size_t used() const { return used_; }

 private:
  static constexpr size_t kAlignment = 256;
  char* start_;
  size_t used_ = 0;
};

template <typename A>
Patches<A> take_patches(const Problem& p, bool of_y, int64_t planes, Arena* arena) {
  Patches<A> patches;
  patches.halo_rows = of_y ? static_cast<int>(p.halo_rows()) : 0;
  patches.halo_columns = of_y ? static_cast<int>(p.halo_columns()) : 0;
  patches.rows = static_cast<int>(p.height) + 2 * patches.halo_rows;
  patches.columns = static_cast<int>(p.width) + 2 * patches.halo_columns;
  patches.patch_height = static_cast<int>(p.patch_height);
  patches.patch_width = static_cast<int>(p.patch_width);
  patches.epsilon = static_cast<A>(p.epsilon * kMapScale);
  patches.pixels = arena->take<A>(planes * patches.pixel_count());
  patches.mean = arena->take<A>(planes * patches.count());
  patches.deviation = arena->take<A>(planes * patches.count());
  return patches;
}

// The arrays of a chunk for the correlation and the summary.
template <typename A>
struct PatchArrays {
  PatchArrays(const Problem& p, int64_t planes, Arena* arena)
      : x(take_patches<A>(p, false, planes, arena)), y(take_patches<A>(p, true, planes, arena)) {}
  Patches<A> x, y;
};

// Additional arrays for the gradient.
template <typename A>
struct GradientArrays : PatchArrays<A> {
  GradientArrays(const Problem& p, int64_t planes, Arena* arena)
      : PatchArrays<A>(p, planes, arena),
        to_x(arena->take<A>(planes * p.patch() * this->x.count())),
        to_y(arena->take<A>(planes * p.patch() * this->y.count())),
        slope_x(arena->take<A>(planes * this->x.count())),
        slope_y(arena->take<A>(planes * this->y.count())) {}
  A *to_x, *to_y, *slope_x, *slope_y;
};

// Additional arrays for the gradient of the summary: the gradient of the scores, for `rows` rows of positions at a
// time.
template <typename A>
struct SummaryGradientArrays : GradientArrays<A> {
  SummaryGradientArrays(const Problem& p, int64_t planes, Arena* arena)
      : GradientArrays<A>(p, planes, arena),
        rows(static_cast<int>(std::max<int64_t>(
            1, std::min(p.height, chunk_bytes() / static_cast<int64_t>(sizeof(A)) / (p.width * p.window()))))),
        of_scores(arena->take<A>(planes * rows * p.width * p.window())) {}
  int rows;
  A* of_scores;
};

// As many images, or channels of an image, as make a chunk of about chunk_bytes().
template <typename Arrays>
Chunk largest_chunk(const Problem& p, bool whole_images) {
  Arena arena(nullptr);
  Arrays(p, 1, &arena);
  const int64_t planes = std::max<int64_t>(1, chunk_bytes() / static_cast<int64_t>(arena.used()));
  const int64_t images = std::max<int64_t>(1, std::min(p.batch, planes / p.channels));
  return {0, images, 0, static_cast<int>(whole_images ? p.channels : std::min(p.channels, planes))};
}

template <typename Visit>
void for_each_chunk(const Problem& p, const Chunk& largest, Visit visit) {
  for (int64_t image = 0; image < p.batch; image += largest.images) {
    for (int64_t channel = 0; channel < p.channels; channel += largest.channels) {
      visit(Chunk{image, std::min(largest.images, p.batch - image), static_cast<int>(channel),
                  static_cast<int>(std::min<int64_t>(largest.channels, p.channels - channel))});
    }
  }
}

}  // namespace cuda
}  // namespace tfnxc

#endif  // TFNXC_CUDA_WORKSPACE_H_
