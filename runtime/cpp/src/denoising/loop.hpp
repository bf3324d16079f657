// The denoising loop.
#pragma once

#include <functional>

#include "denoising/inpainting.hpp"
#include "denoising/noise.hpp"
#include "denoising/passes.hpp"

namespace accel::core {

// What the caller sees after one UNet call. It lives as long as the call of the function that is given it.
struct Step {
  std::size_t index = 0;
  std::size_t total = 0;
  double timestep = 0;
  bool is_shallow = false;
  const Array *latents = nullptr;  // [B, C, h, w] after the call
};

using OnStep = std::function<void(const Step &)>;

// Runs the plan from x_0 and gives the last latents. `blend`, which may be null, puts back after each call what of a
// picture is to stay; `on_step` may raise to stop. Raises a `NumericsError` where the
// latents became NaN or infinite; says at which call.
Array denoise(Passes &passes, const Plan &plan, Array latents, std::vector<TorchGenerator> &generators,
              const Blend *blend, const OnStep &on_step);

}  // namespace accel::core
