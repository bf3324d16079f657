// Float32 arrays in the host's memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace accel::core {

using Shape = std::vector<std::int64_t>;

// Elements of a shape; shapes of bundles and requests are bounded, so it cannot overflow.
inline std::size_t count_of(const Shape &shape) {
  std::size_t count = 1;
  for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
  return count;
}

// As in a message: [2, 4, 64, 64].
inline std::string shown(const Shape &shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

// C-contiguous.
struct Array {
  Shape shape;
  std::vector<float> values;

  static Array zeros(const Shape &shape) { return {shape, std::vector<float>(count_of(shape))}; }

  // Elements of one entry of the first axis.
  std::size_t entry() const { return shape[0] == 0 ? 0 : values.size() / static_cast<std::size_t>(shape[0]); }

  const float *entry_at(std::size_t index) const { return values.data() + index * entry(); }
  float *entry_at(std::size_t index) { return values.data() + index * entry(); }
};

}  // namespace accel::core
