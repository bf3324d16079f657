// Changes safetensors files so that they mostly stay such files: the header keeps its length right, and the arrays
// their sizes. Of plain changes nearly all would end at the first eight bytes.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t *data, std::size_t size, std::size_t most);

namespace {

constexpr std::size_t length_bytes = 8;
constexpr std::size_t longest_change = 64;

// Bytes of the header of a file that is one.
std::size_t header_bytes(const std::uint8_t *data, std::size_t size) {
  std::uint64_t said = 0;
  std::memcpy(&said, data, length_bytes);
  return static_cast<std::size_t>(std::min<std::uint64_t>(said, size - length_bytes));
}

std::size_t change_header(std::uint8_t *data, std::size_t size, std::size_t most) {
  const std::size_t before = header_bytes(data, size);
  const std::vector<std::uint8_t> arrays(data + length_bytes + before, data + size);
  const std::size_t room = most - length_bytes - arrays.size();
  if (room == 0) return size;
  const std::uint64_t after = LLVMFuzzerMutate(data + length_bytes, before, room);
  std::memcpy(data, &after, length_bytes);
  std::copy(arrays.begin(), arrays.end(), data + length_bytes + after);
  return length_bytes + static_cast<std::size_t>(after) + arrays.size();
}

// Changes some bytes of the arrays where they stand.
std::size_t change_arrays(std::uint8_t *data, std::size_t size, std::minstd_rand &random) {
  const std::size_t first = length_bytes + header_bytes(data, size);
  const std::size_t at = first + random() % (size - first);
  const std::size_t length = std::min(size - at, 1 + random() % longest_change);
  std::vector<std::uint8_t> part(data + at, data + at + length);
  LLVMFuzzerMutate(part.data(), length, length);
  std::copy(part.begin(), part.end(), data + at);
  return size;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t *data, std::size_t size, std::size_t most,
                                               unsigned int seed) {
  std::minstd_rand random(seed);
  const std::size_t kind = random() % 8;
  if (kind == 0 || size <= length_bytes || size > most) return LLVMFuzzerMutate(data, size, most);
  const bool has_arrays = length_bytes + header_bytes(data, size) < size;
  return kind < 5 && has_arrays ? change_arrays(data, size, random) : change_header(data, size, most);
}
