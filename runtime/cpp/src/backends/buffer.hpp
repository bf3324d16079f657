// A C-contiguous tensor in the host's memory, at a fixed address.
#pragma once

#include <cstdint>
#include <memory>

#include "base/array.hpp"
#include "manifest/manifest.hpp"

namespace accel::core {

// Some batch entries of a tensor; copies share its memory.
class Buffer {
 public:
  // A new one, zeroed.
  static Buffer zeros(const Shape &shape, DType dtype = DType::float32);

  const Shape &shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  std::size_t bytes() const { return count_of(shape_) * bytes_of(dtype_); }
  void *data() const { return data_; }
  float *floats() const { return static_cast<float *>(data_); }

  // The same memory, restricted to some of these entries.
  Buffer rows(std::int64_t start, std::int64_t stop) const;

  // Copies all elements from or to float32.
  void write(const float *values) const;
  void read(float *values) const;

  // Whether two are the same entries of the same memory.
  bool operator<(const Buffer &other) const;

 private:
  Shape shape_;
  DType dtype_ = DType::float32;
  std::shared_ptr<std::uint64_t[]> memory_;
  void *data_ = nullptr;
};

}  // namespace accel::core
