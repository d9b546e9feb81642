// Finds duplicate images in a batch.
#include <string.h>

#include "tfnxc/norm_xcorr.h"

namespace tfnxc {
namespace cpu {
namespace {

// A hash of the bytes. Four independent sums let the processor work on them in parallel.
uint64_t hash(const char* bytes, int64_t size) {
  constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;
  uint64_t sums[4] = {1, 2, 3, 4}, words[4];
  for (int64_t at = 0; at < size; at += sizeof words) {
    const int64_t rest = size - at;
    if (rest < int64_t(sizeof words)) memset(words, 0, sizeof words);
    memcpy(words, bytes + at, rest < int64_t(sizeof words) ? rest : sizeof words);
    for (int i = 0; i < 4; ++i) sums[i] = (sums[i] ^ words[i]) * kOdd;
  }
  uint64_t all = 0;
  for (uint64_t sum : sums) all = (all ^ sum ^ sum >> 32) * kOdd;
  return all;
}

}  // namespace

void find_duplicates(const void* images, int64_t batch, int64_t size, int64_t* first) {
  const char* bytes = static_cast<const char*>(images);
  // From the last image to the first, because `first` still has the hashes of the earlier ones.
  for (int64_t image = 0; image < batch; ++image) first[image] = int64_t(hash(bytes + image * size, size) >> 1);
  for (int64_t image = batch - 1; image > 0; --image) {
    int64_t earlier = 0;
    while (earlier < image &&
           (first[earlier] != first[image] || memcmp(bytes + earlier * size, bytes + image * size, size) != 0)) {
      ++earlier;
    }
    first[image] = earlier;
  }
  if (batch > 0) first[0] = 0;
}

}  // namespace cpu
}  // namespace tfnxc
