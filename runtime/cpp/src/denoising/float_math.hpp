// Single-precision log, exp, sine and cosine, equal to the bit to those of numpy 2 on processors with fused
// multiply-add. The polynomials are NumPy's (BSD-3-Clause, loops_exponent_log.dispatch.c.src and
// loops_trigonometric.dispatch.cpp).
#pragma once

namespace accel::core::float_math {

// Of a normal positive number.
float log(float x);

// Of a number of -50 to 50.
float exp(float x);

// Of a number of at most 71476 to either side.
float sin(float x);
float cos(float x);

}  // namespace accel::core::float_math
