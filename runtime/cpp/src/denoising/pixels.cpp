#include "denoising/pixels.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace accel::core {
namespace {

constexpr std::size_t channels = 3;

}  // namespace

void to_pixels(const float *sample, std::int64_t height, std::int64_t width, std::uint8_t *pixels) {
  const std::size_t plane = count_of({height, width});
  for (std::size_t at = 0; at < plane; ++at) {
    for (std::size_t colour = 0; colour < channels; ++colour) {
      const float value = sample[colour * plane + at];
      if (!std::isfinite(value)) {
        throw NumericsError(join("the VAE decoder made NaN or infinite pixels: ", numerics_advice));
      }
      const float unit = std::clamp(value / 2 + 0.5F, 0.0F, 1.0F);
      pixels[at * channels + colour] = static_cast<std::uint8_t>(std::nearbyint(unit * 255));
    }
  }
}

void to_unit(const std::uint8_t *pixels, std::int64_t height, std::int64_t width, float *sample) {
  const std::size_t plane = count_of({height, width});
  for (std::size_t at = 0; at < plane; ++at) {
    for (std::size_t colour = 0; colour < channels; ++colour) {
      sample[colour * plane + at] = static_cast<float>(pixels[at * channels + colour]) / 255.0F;
    }
  }
}

void from_pixels(const std::uint8_t *pixels, std::int64_t height, std::int64_t width, float *sample) {
  to_unit(pixels, height, width, sample);
  for (std::size_t at = 0; at < count_of({3, height, width}); ++at) sample[at] = sample[at] * 2 - 1;
}

}  // namespace accel::core
