#include "backends/buffer.hpp"

#include <cstring>
#include <tuple>

#include "base/error.hpp"
#include "backends/half.hpp"

namespace accel::core {
namespace {

// More than any machine has, and little enough to calculate with.
constexpr std::size_t most_bytes = std::size_t{1} << 46;

}  // namespace

Buffer Buffer::zeros(const Shape &shape, DType dtype) {
  std::size_t bytes = bytes_of(dtype);
  for (const std::int64_t size : shape) {
    bytes *= static_cast<std::size_t>(size);
    if (size < 0 || size > INT32_MAX || bytes > most_bytes)
      throw BackendError("no memory for a tensor of " + shown(shape));
  }
  Buffer buffer;
  buffer.shape_ = shape;
  buffer.dtype_ = dtype;
  buffer.memory_ = std::shared_ptr<std::uint64_t[]>(new std::uint64_t[bytes / sizeof(std::uint64_t) + 1]());
  buffer.data_ = buffer.memory_.get();
  return buffer;
}

Buffer Buffer::rows(std::int64_t start, std::int64_t stop) const {
  Buffer part = *this;
  const std::size_t entry = shape_[0] == 0 ? 0 : bytes() / static_cast<std::size_t>(shape_[0]);
  part.shape_[0] = stop - start;
  part.data_ = static_cast<char *>(data_) + static_cast<std::size_t>(start) * entry;
  return part;
}

void Buffer::write(const float *values) const {
  if (dtype_ == DType::float32) {
    std::memcpy(data_, values, bytes());
    return;
  }
  auto *halves = static_cast<std::uint16_t *>(data_);
  for (std::size_t at = 0; at < count_of(shape_); ++at) halves[at] = half_of_float(values[at]);
}

void Buffer::read(float *values) const {
  if (dtype_ == DType::float32) {
    std::memcpy(values, data_, bytes());
    return;
  }
  const auto *halves = static_cast<const std::uint16_t *>(data_);
  for (std::size_t at = 0; at < count_of(shape_); ++at) values[at] = float_of_half(halves[at]);
}

bool Buffer::operator<(const Buffer &other) const {
  return std::tie(data_, shape_) < std::tie(other.data_, other.shape_);
}

}  // namespace accel::core
