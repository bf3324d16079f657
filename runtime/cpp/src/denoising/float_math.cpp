#include "denoising/float_math.hpp"

#include <cmath>
#include <cstdint>

namespace accel::core::float_math {
namespace {

// Adding and taking it away rounds to a whole number.
constexpr float round_magic = 0x1.8p23F;

// A polynomial by Horner's rule, the highest coefficient first.
template <typename... Coefficients>
float polynomial(float x, float highest, Coefficients... rest) {
  float sum = highest;
  ((sum = std::fma(sum, x, rest)), ...);
  return sum;
}

float cosine_of_reduced(float square) {
  return polynomial(square, 0x1.98e616p-16F, -0x1.6c06dcp-10F, 0x1.55553cp-05F, -0x1.000000p-01F, 0x1.000000p+00F);
}

float sine_of_reduced(float x, float square) {
  const float sum = polynomial(square, 0x1.7d3bbcp-19F, -0x1.a06bbap-13F, 0x1.11119ap-07F, -0x1.555556p-03F, 0.0F);
  return std::fma(sum, x, x);
}

// The sine `quarters` of a turn ahead.
float sine_ahead(float x, std::int32_t quarters) {
  const float quadrant = (x * 0x1.45f306p-1F + round_magic) - round_magic;
  float reduced = std::fma(quadrant, -0x1.921fb0p+00F, x);
  reduced = std::fma(quadrant, -0x1.5110b4p-22F, reduced);
  reduced = std::fma(quadrant, -0x1.846988p-48F, reduced);
  const float square = reduced * reduced;
  const std::int32_t turn = static_cast<std::int32_t>(quadrant) + quarters;
  const float value = (turn & 1) == 0 ? sine_of_reduced(reduced, square) : cosine_of_reduced(square);
  return (turn & 2) == 0 ? value : 0.0F - value;
}

}  // namespace

float log(float x) {
  int exponent = 0;
  float mantissa = std::frexp(x, &exponent);
  if (mantissa <= 0.707106781186547524400844362104849039F) {
    mantissa += mantissa;
    --exponent;
  }
  mantissa -= 1.0F;
  const float numerator =
      polynomial(mantissa, 2.589979117907922693523e-02F, 3.808837741388407920751e-01F, 1.480000633576506585156e+00F,
                 2.112677543073053063722e+00F, 9.999999999999998702752e-01F, 0.000000000000000000000e+00F);
  const float denominator =
      polynomial(mantissa, 5.875095403124574342950e-03F, 1.546476374983906719538e-01F, 9.864942958519418960339e-01F,
                 2.453006071784736363091e+00F, 2.612677543073109236779e+00F, 1.000000000000000000000e+00F);
  return std::fma(static_cast<float>(exponent), 0.693147180559945309417232121458176568F, numerator / denominator);
}

float exp(float x) {
  const float quadrant = (x * 1.442695040888963407359924681001892137F + round_magic) - round_magic;
  float reduced = std::fma(quadrant, -6.93145752e-1F, x);
  reduced = std::fma(quadrant, -1.42860677e-6F, reduced);
  reduced = std::fma(quadrant, 0.0F, reduced);
  const float numerator =
      polynomial(reduced, 5.082762527590693718096e-04F, 6.757896990527504603057e-03F, 5.114512081637298353406e-02F,
                 2.473615434895520810817e-01F, 7.257664613233124478488e-01F, 9.999999999980870924916e-01F);
  const float denominator =
      polynomial(reduced, 2.159509375685829852307e-02F, -2.742335390411667452936e-01F, 1.000000000000000000000e+00F);
  return std::ldexp(numerator / denominator, static_cast<int>(quadrant));
}

float sin(float x) { return sine_ahead(x, 0); }

float cos(float x) { return sine_ahead(x, 1); }

}  // namespace accel::core::float_math
