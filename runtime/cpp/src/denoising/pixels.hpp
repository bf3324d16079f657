// Between pixels and what codecs take and give.
#pragma once

#include <cstdint>

#include "base/array.hpp"

namespace accel::core {

// [3, H, W] in [-1, 1] → [H, W, 3] in 0…255, rounded as diffusers' VaeImageProcessor does. Raises a `NumericsError`
// where the sample holds NaN or infinity.
void to_pixels(const float *sample, std::int64_t height, std::int64_t width, std::uint8_t *pixels);

// [H, W, 3] in 0…255 → [3, H, W] in [0, 1].
void to_unit(const std::uint8_t *pixels, std::int64_t height, std::int64_t width, float *sample);

// The same in [-1, 1].
void from_pixels(const std::uint8_t *pixels, std::int64_t height, std::int64_t width, float *sample);

}  // namespace accel::core
