#include "denoising/noise.hpp"

#include <algorithm>
#include <cmath>

#include "denoising/float_math.hpp"

namespace accel::core {
namespace {

constexpr std::size_t block = 16;
constexpr std::size_t half_block = block / 2;
constexpr float two_pi = 6.283185307179586476925286766559F;
constexpr double pi = 3.14159265358979323846;

// Single-precision Box-Muller in place: the first 8 uniforms give radii, the last 8 angles.
void box_muller(float *values) {
  for (std::size_t at = 0; at < half_block; ++at) {
    const float radius = std::sqrt(-2.0F * float_math::log(1.0F - values[at]));
    const float angle = two_pi * values[at + half_block];
    values[at] = radius * float_math::cos(angle);
    values[at + half_block] = radius * float_math::sin(angle);
  }
}

}  // namespace

void TorchGenerator::normal(float *values, std::size_t count) {
  if (count < block) {
    std::generate_n(values, count, [this] { return static_cast<float>(next_double()); });
    return;
  }
  // torch draws a word for every element first, those of an unfinished block too.
  std::generate_n(values, count, [this] { return uniform(); });
  for (std::size_t at = 0; at + block <= count; at += block) box_muller(values + at);
  if (count % block == 0) return;
  // Then the last 16 are made anew.
  float *last = values + count - block;
  std::generate_n(last, block, [this] { return uniform(); });
  box_muller(last);
}

float TorchGenerator::uniform() { return static_cast<float>(words_() & 0xFFFFFFU) * 0x1p-24F; }

double TorchGenerator::double_uniform() {
  const std::uint64_t high = words_();
  const std::uint64_t low = words_();
  return static_cast<double>((high << 32 | low) & ((std::uint64_t{1} << 53) - 1)) * 0x1p-53;
}

double TorchGenerator::next_double() {
  if (waiting_) {
    const double value = *waiting_;
    waiting_.reset();
    return value;
  }
  const double angle = 2.0 * pi * double_uniform();
  const double radius = std::sqrt(-2.0 * std::log1p(-double_uniform()));
  waiting_ = radius * std::sin(angle);
  return radius * std::cos(angle);
}

Array stacked_normal(std::vector<TorchGenerator> &generators, const Shape &shape) {
  return stacked_normal(generators, shape, generators.size());
}

Array stacked_normal(std::vector<TorchGenerator> &generators, const Shape &shape, std::size_t first) {
  Shape stacked = {static_cast<std::int64_t>(first)};
  stacked.insert(stacked.end(), shape.begin(), shape.end());
  Array drawn = Array::zeros(stacked);
  for (std::size_t at = 0; at < first; ++at) generators[at].normal(drawn.entry_at(at), drawn.entry());
  return drawn;
}

}  // namespace accel::core
