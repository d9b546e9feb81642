// How many positions of a map are processed together.
#ifndef TFNXC_CPU_POSITION_BLOCK_H_
#define TFNXC_CPU_POSITION_BLOCK_H_

#include "cpu/simd.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cpu {
namespace {

constexpr int64_t kTile = 24;  // most positions of a row

// The rows [first, first + count) of a forward kernel's item, and its tile: all blocks are about the same.
struct RowBlock {
  RowBlock(const Problem& p, int64_t item, int64_t blocks)
      : tile(item / blocks),
        first(item % blocks * p.height / blocks),
        count((item % blocks + 1) * p.height / blocks - first) {}
  const int64_t tile, first, count;
};

// A block of positions: part of a wide row, or as many whole rows as keep their data in a near cache. Whole rows make
// the sums over positions long.
template <typename T>
struct PositionBlock {
  // `numbers`: how many are kept per position.
  PositionBlock(const Problem& p, int64_t numbers)
      : columns(least(kTile, p.width)),
        rows(columns < p.width ? 1 : 1 + least(kBlockRows - 1, kMost / (columns * numbers))) {}
  static constexpr int64_t kMost = (int64_t{1} << 15) / sizeof(T);
  int64_t count() const { return rows * columns; }
  const int64_t columns, rows;
};

}  // namespace
}  // namespace cpu
}  // namespace tfnxc

#endif  // TFNXC_CPU_POSITION_BLOCK_H_
