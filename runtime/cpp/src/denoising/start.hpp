// x_0: where the denoising loop starts, from noise or from an image.
#pragma once

#include "denoising/components.hpp"
#include "denoising/noise.hpp"
#include "request.hpp"
#include "schedules/schedule.hpp"

namespace accel::core {

// x_0, [B, C, h, w], drawn as the pipelines of diffusers draw it. Raises an `InputError` where request and schedule do
// not fit each other.
Array start(Components &components, const Request &request, const OutputShape &shape, const ScheduleTable &schedule,
            std::vector<TorchGenerator> &generators);

}  // namespace accel::core
