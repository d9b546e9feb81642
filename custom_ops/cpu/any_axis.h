// The positions and places of any geometry along one axis, taken apart into classes without dilation.
#ifndef TFNXC_CPU_ANY_AXIS_H_
#define TFNXC_CPU_ANY_AXIS_H_

#include "cpu/simd.h"
#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cpu {
namespace {

inline int64_t most(int64_t one, int64_t other) { return one > other ? one : other; }
inline int64_t between(int64_t low, int64_t value, int64_t high) { return most(low, least(value, high)); }

inline int64_t common_divisor(int64_t one, int64_t other) {
  while (other != 0) {
    const int64_t rest = one % other;
    one = other;
    other = rest;
  }
  return one;
}

// The positions whose windows hold places of one residue modulo the dilation. Of those places, each window holds a run;
// no other class has any of them.
struct Class {
  int64_t before;                // how many positions are in earlier classes
  int64_t first, apart, count;   // position m is the one numbered first + apart * m
  int64_t place, step, places;   // place v is place + step * v in the grid of y
  int64_t start, advance, window;  // position m sees the places from start + advance * m on, where they are

  int64_t begin(int64_t m) const { return start + advance * m; }
  // Of the positions [m, end), the places that they see.
  int64_t first_seen(int64_t m) const { return between(0, begin(m), places); }
  int64_t end_seen(int64_t end) const { return between(0, begin(end - 1) + window, places); }
  // The positions that see place v.
  int64_t first_seeing(int64_t v) const {
    return advance == 0 ? 0 : between(0, (most(0, v - window + 1 - start) + advance - 1) / advance, count);
  }
  int64_t end_seeing(int64_t v) const {
    return advance == 0 ? count : v < start ? 0 : least(count, (v - start) / advance + 1);
  }
};

inline int64_t apart_of(const Axis& axis) {
  return axis.window == 0 ? 1 : axis.dilation / common_divisor(axis.stride, axis.dilation);
}
inline int64_t classes_of(const Axis& axis) { return least(apart_of(axis), axis.positions()); }

inline Class class_of(const Axis& axis, int64_t number) {
  Class c{};
  c.apart = apart_of(axis);
  c.first = number;
  const int64_t positions = axis.positions(), whole = positions / c.apart, rest = positions % c.apart;
  c.count = whole + (number < rest ? 1 : 0);
  c.before = number * whole + least(number, rest);
  c.step = axis.dilation;
  c.window = axis.window_size();
  if (axis.window == 0) {
    c.places = c.window;
    return c;
  }
  const int64_t halo = axis.halo(), place = number * axis.stride;
  c.place = (place + halo) % c.step - halo;
  c.places = most(0, (axis.grid(axis.y) + halo - c.place + c.step - 1) / c.step);
  c.start = (place - c.place) / c.step - c.window / 2;
  c.advance = axis.stride / common_divisor(axis.stride, axis.dilation);
  return c;
}

// How many positions of a class of columns are compared at a time with all places that they see, of which each keeps
// its own: the more positions, the less is read, but the more is thrown away.
template <typename T>
struct ColumnTile {
  explicit ColumnTile(const Axis& columns) : ColumnTile(class_of(columns, 0)) {}
  explicit ColumnTile(const Class& c) : positions(1), stride(0) {
    double least_cost = 0;
    for (int64_t count = c.advance == 0 ? 2 * kMostRows : kMostRows; count > 0; count /= 2) {
      const int64_t seen = padded<T>(least(c.advance * (count - 1) + c.window, c.places + kLanes<T>));
      const double cost = double(seen) * double(count + 2) / double(count);
      if (least_cost != 0 && cost >= least_cost) continue;
      least_cost = cost;
      positions = count;
      stride = seen;
    }
  }
  int64_t positions;
  int64_t stride;  // of the scores of a position
};

}  // namespace
}  // namespace cpu
}  // namespace tfnxc

#endif  // TFNXC_CPU_ANY_AXIS_H_
