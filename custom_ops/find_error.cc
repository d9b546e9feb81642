// Checks the sizes of a problem.
#include <initializer_list>

#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace {

// Whether an array of these sizes has at most kMostElements elements. If one size is 0, all others are fine.
bool fits(std::initializer_list<int64_t> sizes) {
  int64_t product = 1;
  for (int64_t size : sizes) {
    if (size == 0) return true;
  }
  for (int64_t size : sizes) {
    if (size > kMostElements / product) return false;
    product *= size;
  }
  return true;
}

bool odd(int64_t size) { return size > 0 && size % 2 == 1 && size <= kMostElements; }

}  // namespace

const char* find_cross_input_error(const Problem& p) {
  if (p.batch < 0 || p.height < 1 || p.width < 1 || p.channels < 1) {
    return "the maps must hold at least one pixel and one channel";
  }
  if (!odd(p.rows) || (p.columns != 0 && !odd(p.columns))) {
    return "search_size must be odd positive rows, and odd positive columns or none for the whole width";
  }
  if (p.filters < 0) return "filters must not be negative";
  // In this order, so that no sum or product overflows 64 bits.
  if (!fits({p.batch, p.height, p.width, p.channels})) return "the maps hold more than 2^31 - 1 numbers";
  if (!fits({p.height + p.rows, p.width + p.columns})) return "what the windows see holds more than 2^31 - 1 numbers";
  if (!fits({p.rows, p.window_columns(), p.channels})) return "one position has more than 2^31 - 1 maps";
  if (!fits({p.maps(), p.filters})) return "the summary's kernel holds more than 2^31 - 1 numbers";
  if (!fits({p.batch, p.height, p.width, p.filters})) return "the summary holds more than 2^31 - 1 numbers";
  return nullptr;
}

const char* find_error(const Problem& p, bool writes_maps) {
  if (const char* error = find_cross_input_error(p)) return error;
  if (!odd(p.patch_height) || !odd(p.patch_width) || (p.patch_height == 1 && p.patch_width == 1)) {
    return "patch_size must be two odd positive integers, together at least 2 pixels";
  }
  if (!(p.epsilon > 0 && p.epsilon <= __DBL_MAX__)) return "epsilon must be a positive, finite number";
  if (!fits({p.patch_height, p.patch_width, p.height + p.rows, p.width + p.columns})) {
    return "the patches of one channel hold more than 2^31 - 1 numbers";
  }
  if (writes_maps && !fits({p.batch, p.height, p.width, p.channels, p.rows, p.window_columns()})) {
    return "the correlation maps hold more than 2^31 - 1 numbers; give it fewer images at a time or a smaller window";
  }
  return nullptr;
}

namespace {

const char* find_axis_error(const Axis& axis) {
  if (axis.x < 1 || axis.y < 1) return "the maps must hold at least one pixel and one channel";
  if (axis.window != 0 && !odd(axis.window)) {
    return "search_size must be odd positive rows and columns, or none for all of them";
  }
  for (int64_t step : {axis.stride, axis.dilation}) {
    if (step < 1 || step > kMostElements) return "stride and dilation must be from 1 to 2^31 - 1";
  }
  if (axis.padding != Padding::kValid) return odd(axis.patch) ? nullptr : "patch_size must be odd and positive";
  if (axis.patch < 1 || axis.patch > axis.x || axis.patch > axis.y) return "the maps must hold a patch";
  return nullptr;
}

}  // namespace

const char* find_any_error(const AnyProblem& p) {
  if (p.x_batch < 0 || p.y_batch < 0 || p.channels < 1) {
    return "the maps must hold at least one pixel and one channel";
  }
  if (p.x_batch != p.y_batch && p.x_batch != 1 && p.y_batch != 1) return "the batches must be of one size, or one of 1";
  for (const Axis& axis : {p.rows, p.columns}) {
    if (const char* error = find_axis_error(axis)) return error;
  }
  if (p.rows.padding != p.columns.padding) return "rows and columns must have one padding";
  if (p.rows.window == 0 && p.columns.window != 0) return "the whole height needs the whole width";
  if (p.rows.patch == 1 && p.columns.patch == 1) return "patch_size must hold at least 2 pixels";
  if (!(p.epsilon > 0 && p.epsilon <= __DBL_MAX__)) return "epsilon must be a positive, finite number";
  if (!fits({p.x_batch, p.rows.x, p.columns.x, p.channels}) || !fits({p.y_batch, p.rows.y, p.columns.y, p.channels})) {
    return "the maps hold more than 2^31 - 1 numbers";
  }
  for (int64_t width : {p.columns.x, p.columns.y}) {
    if (!fits({p.rows.patch, p.columns.patch, width + p.columns.patch})) {
      return "the patches of one row hold more than 2^31 - 1 numbers";
    }
  }
  if (!fits({p.batch(), p.rows.positions(), p.columns.positions(), p.groups(), p.rows.window_size(),
             p.columns.window_size()})) {
    return "the correlation maps hold more than 2^31 - 1 numbers; give it fewer images at a time or a smaller window";
  }
  return nullptr;
}

}  // namespace tfnxc
