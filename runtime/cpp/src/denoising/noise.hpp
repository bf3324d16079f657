// Normal noise equal to that of accel_runtime, which is `torch.randn` on a CPU generator within 2e-6.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "base/array.hpp"

namespace accel::core {

// `torch.Generator("cpu").manual_seed(seed)`, for float32 normal draws.
class TorchGenerator {
 public:
  explicit TorchGenerator(std::uint64_t seed) : words_(static_cast<std::uint32_t>(seed)) {}

  // The next draw of so many numbers.
  void normal(float *values, std::size_t count);

 private:
  float uniform();
  double double_uniform();
  double next_double();

  std::mt19937 words_;
  std::optional<double> waiting_;
};

// One draw from each generator, stacked: [generators, ...shape].
Array stacked_normal(std::vector<TorchGenerator> &generators, const Shape &shape);
// The same of the first generators alone, at most all of them.
Array stacked_normal(std::vector<TorchGenerator> &generators, const Shape &shape, std::size_t first);

}  // namespace accel::core
