// x_0: where the denoising loop starts, from noise or from an image, whole or masked.
#pragma once

#include <optional>

#include "denoising/encoding.hpp"
#include "denoising/inpainting.hpp"

namespace accel::core {

struct Start {
  Array latents;                         // x_0, [B, C, h, w]
  std::optional<Inpainting> inpainting;  // what became of the mask
};

// Where a loop starts, drawn as the pipelines of diffusers draw it. Raises an `InputError` where request and schedule
// do not fit each other.
Start start(Components &components, const Request &request, const OutputShape &shape, const ScheduleTable &schedule,
            std::vector<TorchGenerator> &generators);

}  // namespace accel::core
