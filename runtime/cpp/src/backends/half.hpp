// Half precision to single and back, rounded to nearest even.
#pragma once

#include <cstdint>

namespace accel::core {

float float_of_half(std::uint16_t half);
std::uint16_t half_of_float(float value);

}  // namespace accel::core
