#include "denoising/guidance.hpp"

#include <cmath>

namespace accel::core {
namespace {

constexpr std::size_t lanes = 8;
constexpr std::size_t summed_in_order = 128;

// The sum as numpy makes it, by pairs, so that its roundings are numpy's.
float pairwise_sum(const float *values, std::size_t count) {
  if (count > summed_in_order) {
    std::size_t half = count / 2;
    half -= half % lanes;
    return pairwise_sum(values, half) + pairwise_sum(values + half, count - half);
  }
  if (count < lanes) {
    float sum = -0.0F;
    for (std::size_t at = 0; at < count; ++at) sum += values[at];
    return sum;
  }
  float sums[lanes];
  for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] = values[lane];
  std::size_t at = lanes;
  for (; at + lanes <= count; at += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += values[at + lane];
  }
  float sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  for (; at < count; ++at) sum += values[at];
  return sum;
}

// Bessel-corrected, as torch's.
float deviation(const float *values, std::size_t count) {
  const float mean = pairwise_sum(values, count) / static_cast<float>(count);
  std::vector<float> squares(values, values + count);
  for (float &value : squares) {
    value -= mean;
    value *= value;
  }
  return std::sqrt(pairwise_sum(squares.data(), count) / static_cast<float>(count - 1));
}

}  // namespace

Array guide(Array noise, const Call &call, double rescale) {
  if (!call.guided()) return noise;
  Array guided{noise.shape, {}};
  guided.shape[0] /= 2;
  guided.values.resize(noise.values.size() / 2);
  const float *negative = noise.values.data();
  const float *prompt = negative + guided.values.size();
  const auto scale = static_cast<float>(call.guidance);
  for (std::size_t at = 0; at < guided.values.size(); ++at) {
    guided.values[at] = negative[at] + scale * (prompt[at] - negative[at]);
  }
  if (rescale == 0) return guided;
  const auto share = static_cast<float>(rescale);
  const auto rest = static_cast<float>(1 - rescale);
  const std::size_t entry = guided.entry();
  for (std::size_t image = 0; image < static_cast<std::size_t>(guided.shape[0]); ++image) {
    float *values = guided.entry_at(image);
    const float factor = deviation(prompt + image * entry, entry) / deviation(values, entry);
    for (std::size_t at = 0; at < entry; ++at) {
      const float rescaled = share * (values[at] * factor);
      values[at] = rescaled + rest * values[at];
    }
  }
  return guided;
}

}  // namespace accel::core
