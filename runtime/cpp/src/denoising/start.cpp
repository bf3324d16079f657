#include "denoising/start.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace accel::core {
namespace {

// Unit-variance noise [B, C, h, w]: the one that was given, or each generator's next draw.
Array noise_of(const Request &request, const OutputShape &shape, std::vector<TorchGenerator> &generators) {
  if (request.latents.empty()) return stacked_normal(generators, shape.latent());
  return {{shape.images, shape.channels, shape.latent_height, shape.latent_width}, request.latents};
}

void check_noisable(const Request &request, const ScheduleTable &schedule) {
  if (!request.latents.empty()) throw InputError("image and latents: give only one of them to start from");
  if (!schedule.rows.front().add_noise) {
    throw InputError(schedule.scheduler + " cannot start from an image: choose another scheduler");
  }
}

// The image under the noise of the schedule's first call, which `check_noisable` let through.
Array noised(const Array &image, Array noise, const ScheduleTable &schedule) {
  const auto of_image = static_cast<float>(schedule.rows.front().add_noise->first);
  const auto of_noise = static_cast<float>(schedule.rows.front().add_noise->second);
  for (std::size_t at = 0; at < static_cast<std::size_t>(noise.shape[0]); ++at) {
    const float *state = image.entry_at(image.shape[0] == 1 ? 0 : at);
    float *values = noise.entry_at(at);
    for (std::size_t each = 0; each < noise.entry(); ++each) {
      const float part = of_image * state[each];
      values[each] = part + of_noise * values[each];
    }
  }
  return noise;
}

Array scaled(Array noise, const ScheduleTable &schedule) {
  for (float &value : noise.values) value *= static_cast<float>(schedule.init_noise_sigma);
  return noise;
}

// Noise, or with a strength below 1 the image under noise; and what fills in the mask. diffusers draws in this order:
// the image's state where it is needed, the noise, the masked image's state, which it makes in any case. One image for
// all has one state, drawn by the first generator.
Start masked(Components &components, const Request &request, const OutputShape &shape, const ScheduleTable &schedule,
             std::vector<TorchGenerator> &generators) {
  const Manifest &manifest = components.bundle().manifest();
  const bool is_given = manifest.takes<FromMask>() || manifest.takes<FromMaskedImage>();
  const bool begins_later = schedule.begin > 0;
  const ToEncode whole = {&*request.image, nullptr};
  const ToEncode hidden = {&*request.image, &*request.mask};
  if (begins_later) check_noisable(request, schedule);
  Array image;
  if (begins_later || !is_given) image = encode_images(components, whole, generators, whole.count());
  Array noise = noise_of(request, shape, generators);
  Start started;
  started.latents = begins_later ? noised(image, noise, schedule) : scaled(noise, schedule);
  started.inpainting = Inpainting{latent_mask(*request.mask, shape, manifest.state.scale), std::nullopt, std::nullopt};
  if (is_given) {
    started.inpainting->masked_image = encode_images(components, hidden, generators, hidden.count());
    return started;
  }
  skip_encoding(components, generators, shape.latent(), hidden.count());
  started.inpainting->blend.emplace(schedule, started.inpainting->mask, std::move(image), std::move(noise));
  return started;
}

}  // namespace

Start start(Components &components, const Request &request, const OutputShape &shape, const ScheduleTable &schedule,
            std::vector<TorchGenerator> &generators) {
  if (request.mask) return masked(components, request, shape, schedule, generators);
  if (!request.image) return {scaled(noise_of(request, shape, generators), schedule), std::nullopt};
  check_noisable(request, schedule);
  const Array image = encode_images(components, {&*request.image, nullptr}, generators, generators.size());
  return {noised(image, noise_of(request, shape, generators), schedule), std::nullopt};
}

}  // namespace accel::core
