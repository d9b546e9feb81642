// A libFuzzer target over shapes, parameters and kinds of maps: find_error accepts any numbers, and the CPU kernels of
// all instruction sets of this processor agree with the oracle on any small problem.
#include <string.h>

#include "tests/check.h"
#include "tests/check_any.h"

namespace {

// Reads numbers from the input. Past its end, all bytes are zero.
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  template <typename T>
  T take() {
    T value{};
    const size_t count = size_ < sizeof value ? size_ : sizeof value;
    memcpy(&value, data_, count);
    data_ += count;
    size_ -= count;
    return value;
  }
  int64_t up_to(int most) { return take<uint8_t>() % (most + 1); }

 private:
  const uint8_t* data_;
  size_t size_;
};

// Problems of any geometry, of any numbers or small ones.
void try_any_geometry(Bytes& bytes) {
  using namespace tfnxc;
  if (bytes.up_to(3) == 0) {
    AnyProblem p{};
    for (int64_t* field : {&p.x_batch, &p.y_batch, &p.channels}) *field = bytes.take<int32_t>();
    for (Axis* axis : {&p.rows, &p.columns}) {
      axis->padding = Padding(bytes.up_to(2));
      for (int64_t* field : {&axis->x, &axis->y, &axis->patch, &axis->window, &axis->stride, &axis->dilation}) {
        *field = bytes.up_to(1) ? bytes.take<int64_t>() : bytes.take<int32_t>();
      }
    }
    p.epsilon = bytes.take<double>();
    find_any_error(p);
    return;
  }
  const AnyProblem p = any_problem([&bytes](int most) { return bytes.up_to(most); });
  const Maps kind = Maps(bytes.up_to(int(Maps::kNotANumber)));
  if (find_any_error(p) != nullptr || work(p) > 200000) return;
  if (!check_all(p, kind, bytes.take<uint32_t>())) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tfnxc;
  Bytes bytes(data, size);
  if (bytes.up_to(2) == 0) {
    try_any_geometry(bytes);
    return 0;
  }
  Problem p{};
  if (bytes.up_to(3) == 0) {
    for (int64_t* field : {&p.batch, &p.height, &p.width, &p.channels, &p.patch_height, &p.patch_width, &p.rows,
                           &p.columns, &p.filters}) {
      // Any 64-bit number, or any 32-bit one.
      *field = bytes.up_to(1) ? bytes.take<int64_t>() : bytes.take<int32_t>();
    }
    p.epsilon = bytes.take<double>();
    find_error(p, bytes.up_to(1) == 1);
    find_cross_input_error(p);
    return 0;
  }
  p.batch = bytes.up_to(2);
  p.height = bytes.up_to(9);
  p.width = bytes.up_to(30);
  p.channels = bytes.up_to(3);
  p.patch_height = bytes.up_to(7);
  p.patch_width = bytes.up_to(18);
  p.rows = bytes.up_to(7);
  p.columns = bytes.up_to(19);
  p.filters = bytes.up_to(18);
  p.published = bytes.up_to(1) == 1;
  p.epsilon = 0.01 + 0.1 * double(bytes.up_to(3));
  const Maps kind = Maps(bytes.up_to(int(Maps::kNotANumber)));
  if (find_error(p, true) != nullptr) return 0;
  // The oracle is slow on larger problems.
  if (p.batch * p.pixels() * p.maps() * p.patch() > 200000) return 0;
  if (!check_all(p, kind, bytes.take<uint32_t>())) abort();
  return 0;
}
