#include "denoising/start.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "denoising/float_math.hpp"

namespace accel::core {
namespace {

// Unit-variance noise [B, C, h, w]: the one that was given, or each generator's next draw.
Array noise_of(const Request &request, const OutputShape &shape, std::vector<TorchGenerator> &generators) {
  if (request.latents.empty()) return stacked_normal(generators, shape.latent());
  return {{shape.images, shape.channels, shape.latent_height, shape.latent_width}, request.latents};
}

// A draw for each generator from the posterior that the moments [B or 1, 2C, h, w] describe.
Array posterior_sample(const Array &moments, std::vector<TorchGenerator> &generators) {
  const Shape half = {moments.shape[1] / 2, moments.shape[2], moments.shape[3]};
  Array drawn = stacked_normal(generators, half);
  for (std::size_t image = 0; image < generators.size(); ++image) {
    const float *mean = moments.entry_at(moments.shape[0] == 1 ? 0 : image);
    const float *log_variance = mean + drawn.entry();
    float *values = drawn.entry_at(image);
    for (std::size_t at = 0; at < drawn.entry(); ++at) {
      const float deviation = float_math::exp(0.5F * std::clamp(log_variance[at], -30.0F, 20.0F));
      values[at] = mean[at] + deviation * values[at];
    }
  }
  return drawn;
}

// The state of the images: [B, C, h, w], or [1, C, h, w] where it is the same for all.
Array encoded_state(Components &components, const StartImages &images, std::vector<TorchGenerator> &generators) {
  const Codec &codec = *components.bundle().manifest().encoder;
  const std::size_t plane = count_of({images.height, images.width, 3});
  Array encoded;
  for (std::size_t at = 0; at < static_cast<std::size_t>(images.count); ++at) {
    const Array one = components.encode(images.pixels.data() + at * plane, images.height, images.width);
    if (at == 0) encoded.shape = one.shape;
    encoded.values.insert(encoded.values.end(), one.values.begin(), one.values.end());
  }
  encoded.shape[0] = images.count;
  Array sample = codec.gives_moments ? posterior_sample(encoded, generators) : encoded;
  for (float &value : sample.values) {
    if (codec.shift != 0) value -= static_cast<float>(codec.shift);
    value *= static_cast<float>(codec.scale);
  }
  return sample;
}

}  // namespace

Array start(Components &components, const Request &request, const OutputShape &shape, const ScheduleTable &schedule,
            std::vector<TorchGenerator> &generators) {
  if (!request.image) {
    Array noise = noise_of(request, shape, generators);
    for (float &value : noise.values) value *= static_cast<float>(schedule.init_noise_sigma);
    return noise;
  }
  const auto add_noise = schedule.rows.front().add_noise;
  if (!add_noise) throw InputError(schedule.scheduler + " cannot start from an image: choose another scheduler");
  const Array image = encoded_state(components, *request.image, generators);
  Array started = noise_of(request, shape, generators);
  for (std::size_t at = 0; at < static_cast<std::size_t>(shape.images); ++at) {
    const float *state = image.entry_at(image.shape[0] == 1 ? 0 : at);
    float *values = started.entry_at(at);
    for (std::size_t each = 0; each < started.entry(); ++each) {
      const float of_image = static_cast<float>(add_noise->first) * state[each];
      values[each] = of_image + static_cast<float>(add_noise->second) * values[each];
    }
  }
  return started;
}

}  // namespace accel::core
