#include "denoising/inpainting.hpp"

#include "base/error.hpp"

namespace accel::core {

Blend::Blend(const ScheduleTable &schedule, Array mask, Array image, Array noise)
    : mask_(std::move(mask)), image_(std::move(image)), noise_(std::move(noise)) {
  for (std::size_t at = 1; at < schedule.rows.size(); ++at) {
    if (!schedule.rows[at].add_noise) {
      throw InputError(join("mask: ", schedule.scheduler,
                            " cannot put a picture under the noise of each call: choose another scheduler, such as "
                            "ddim or euler"));
    }
    weights_.push_back(*schedule.rows[at].add_noise);
  }
  weights_.emplace_back(1.0, 0.0);
}

Array Blend::after(std::size_t call, const Array &latents) const {
  const auto of_image = static_cast<float>(weights_.at(call).first);
  const auto of_noise = static_cast<float>(weights_.at(call).second);
  Array blended = latents;
  const std::size_t plane = mask_.entry();
  for (std::size_t image = 0; image < static_cast<std::size_t>(latents.shape[0]); ++image) {
    const float *mask = mask_.entry_at(mask_.shape[0] == 1 ? 0 : image);
    const float *state = image_.entry_at(image_.shape[0] == 1 ? 0 : image);
    const float *noise = noise_.entry_at(image);
    float *values = blended.entry_at(image);
    for (std::size_t at = 0; at < blended.entry(); ++at) {
      const float drawn = mask[at % plane];
      const float kept = of_image * state[at] + of_noise * noise[at];
      values[at] = (1 - drawn) * kept + drawn * values[at];
    }
  }
  return blended;
}

Array latent_mask(const Pictures &mask, const OutputShape &shape, std::int64_t scale) {
  Array cells = Array::zeros({mask.count, 1, shape.latent_height, shape.latent_width});
  for (std::size_t at = 0; at < static_cast<std::size_t>(mask.count); ++at) {
    float *cell = cells.entry_at(at);
    for (std::int64_t row = 0; row < shape.latent_height; ++row) {
      const std::uint8_t *pixels = mask.at(at) + row * scale * mask.width;
      for (std::int64_t column = 0; column < shape.latent_width; ++column) {
        *cell++ = pixels[column * scale] >= white ? 1.0F : 0.0F;
      }
    }
  }
  return cells;
}

}  // namespace accel::core
