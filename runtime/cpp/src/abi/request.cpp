// Requests and noise of accel.h.
#include <cmath>

#include "abi/handles.hpp"

using accel::core::abi::guarded;
using accel::core::abi::known_part;
using accel::core::abi::required;
using accel::core::abi::required_text;

namespace {

constexpr std::size_t most_images = 1000;
// ControlNets of a model, and scales around 1 make sense.
constexpr std::size_t most_controls = 32;
constexpr double most_scale = 1000;

// A copy of pictures of so many values a pixel.
accel::core::Pictures copied(const char *name, const std::uint8_t *pixels, std::size_t count, std::int32_t height,
                             std::int32_t width, std::int64_t values) {
  const bool is_picture = count >= 1 && count <= most_images && height >= 1 && height <= accel::core::longest_side &&
                          width >= 1 && width <= accel::core::longest_side;
  if (!is_picture) {
    throw accel::core::InputError(accel::core::join(name, ": expected 1 to ", most_images, " of 1 to ",
                                                    accel::core::longest_side, " pixels, got ", count, " of ", height,
                                                    "×", width));
  }
  accel::core::Pictures pictures{{}, static_cast<std::int64_t>(count), height, width};
  const std::size_t size = accel::core::count_of({pictures.count, height, width, values});
  pictures.pixels.assign(&required(pixels, name), pixels + size);
  return pictures;
}

// Zeros are what is not said.
std::optional<accel::core::Pair> size_of(std::int32_t height, std::int32_t width) {
  if (height == 0 && width == 0) return std::nullopt;
  return accel::core::Pair(height, width);
}

accel::core::Framing read_framing(const accel_framing *given) {
  const accel_framing said = known_part(&required(given, "framing"));
  accel::core::Framing framing;
  framing.original_size = size_of(said.original_height, said.original_width);
  framing.crop = {said.crop_top, said.crop_left};
  framing.target_size = size_of(said.target_height, said.target_width);
  if (said.has_aesthetic_score != 0) framing.aesthetic_score = said.aesthetic_score;
  accel::core::check_framing(framing);
  return framing;
}

accel::core::Control read_control(const accel_control *given) {
  const accel_control said = known_part(&required(given, "control"));
  if (!(std::abs(said.scale) <= most_scale)) {
    throw accel::core::InputError(
        accel::core::join("control scale: expected -", most_scale, " to ", most_scale, ", got ", said.scale));
  }
  if (!(said.start >= 0 && said.start < said.end && said.end <= 1)) {
    throw accel::core::InputError(accel::core::join("control: expected a start before its end, from 0 to 1, got ",
                                                    said.start, " and ", said.end));
  }
  return {copied("control image", said.pixels, said.count, said.height, said.width, accel::core::colours), said.scale,
          said.start, said.end};
}

template <typename Change>
accel_status changed(accel_request *request, accel_error *error, Change change) {
  return guarded(error, [&] { change(required(request, "request").request); });
}

}  // namespace

accel_status accel_request_create(accel_request **request, accel_error *error) {
  return guarded(error, [&] {
    accel_request *&target = required(request, "request");
    target = nullptr;
    target = new accel_request();
  });
}

void accel_request_close(accel_request *request) { delete request; }

accel_status accel_request_add_prompt(accel_request *request, const char *prompt, accel_error *error) {
  return changed(request, error, [&](accel::core::Request &asked) {
    if (asked.prompts.size() >= most_images)
      throw accel::core::InputError(accel::core::join("prompts: expected at most ", most_images));
    asked.prompts.push_back(required_text(prompt, "prompt"));
  });
}

accel_status accel_request_add_negative(accel_request *request, const char *prompt, accel_error *error) {
  return changed(request, error, [&](accel::core::Request &asked) {
    if (asked.negatives.size() >= most_images)
      throw accel::core::InputError(accel::core::join("negatives: expected at most ", most_images));
    asked.negatives.push_back(required_text(prompt, "prompt"));
  });
}

accel_status accel_request_set_images_per_prompt(accel_request *request, std::int32_t images, accel_error *error) {
  return changed(request, error, [&](accel::core::Request &asked) { asked.images_per_prompt = images; });
}

accel_status accel_request_set_seed(accel_request *request, std::uint64_t seed, accel_error *error) {
  return changed(request, error, [&](accel::core::Request &asked) {
    asked.seed = seed;
    asked.seeds.clear();
  });
}

accel_status accel_request_set_seeds(accel_request *request, const std::uint64_t *seeds, std::size_t count,
                                     accel_error *error) {
  return changed(request, error, [&](accel::core::Request &asked) {
    if (count < 1 || count > most_images)
      throw accel::core::InputError(accel::core::join("seeds: expected 1 to ", most_images));
    asked.seeds.assign(&required(seeds, "seeds"), seeds + count);
  });
}

accel_status accel_request_set_size(accel_request *request, std::int32_t height, std::int32_t width,
                                    accel_error *error) {
  return changed(request, error, [&](accel::core::Request &asked) {
    asked.height = height;
    asked.width = width;
  });
}

accel_status accel_request_set_guidance(accel_request *request, double scale, accel_error *error) {
  return changed(request, error, [&](accel::core::Request &asked) { asked.guidance = scale; });
}

accel_status accel_request_set_guidance_rescale(accel_request *request, double rescale, accel_error *error) {
  return changed(request, error, [&](accel::core::Request &asked) { asked.guidance_rescale = rescale; });
}

accel_status accel_request_set_latents(accel_request *request, const float *latents, std::size_t count,
                                       accel_error *error) {
  return changed(request, error, [&](accel::core::Request &asked) {
    if (count < 1) throw accel::core::InputError("latents: expected numbers, got none");
    asked.latents.assign(&required(latents, "latents"), latents + count);
  });
}

accel_status accel_request_set_image(accel_request *request, const std::uint8_t *pixels, std::size_t count,
                                     std::int32_t height, std::int32_t width, double strength, accel_error *error) {
  return changed(request, error, [&](accel::core::Request &asked) {
    asked.image = copied("image", pixels, count, height, width, accel::core::colours);
    asked.strength = strength;
  });
}

accel_status accel_request_set_mask(accel_request *request, const std::uint8_t *mask, std::size_t count,
                                    std::int32_t height, std::int32_t width, accel_error *error) {
  return changed(request, error,
                 [&](accel::core::Request &asked) { asked.mask = copied("mask", mask, count, height, width, 1); });
}

accel_status accel_request_add_control(accel_request *request, const accel_control *control, accel_error *error) {
  return changed(request, error, [&](accel::core::Request &asked) {
    if (asked.controls.size() >= most_controls)
      throw accel::core::InputError(accel::core::join("control: expected at most ", most_controls));
    asked.controls.push_back(read_control(control));
  });
}

accel_status accel_request_set_framing(accel_request *request, const accel_framing *framing, accel_error *error) {
  return changed(request, error, [&](accel::core::Request &asked) { asked.framing = read_framing(framing); });
}

accel_status accel_request_set_negative_framing(accel_request *request, const accel_framing *framing,
                                                accel_error *error) {
  return changed(request, error, [&](accel::core::Request &asked) { asked.negative_framing = read_framing(framing); });
}

accel_status accel_request_set_class_labels(accel_request *request, const std::int64_t *labels, std::size_t count,
                                            accel_error *error) {
  return changed(request, error, [&](accel::core::Request &asked) {
    if (count < 1 || count > most_images)
      throw accel::core::InputError(accel::core::join("class labels: expected 1 to ", most_images));
    asked.class_labels.assign(&required(labels, "labels"), labels + count);
  });
}

accel_status accel_request_on_progress(accel_request *request, accel_on_progress callback, void *user,
                                       accel_error *error) {
  return guarded(error, [&] {
    required(request, "request").on_progress = callback;
    request->user = user;
  });
}

void accel_request_cancel(accel_request *request) {
  if (request != nullptr) request->is_cancelled = true;
}

accel_status accel_noise_create(std::uint64_t seed, accel_noise **noise, accel_error *error) {
  return guarded(error, [&] {
    accel_noise *&target = required(noise, "noise");
    target = nullptr;
    target = new accel_noise{accel::core::TorchGenerator(seed)};
  });
}

void accel_noise_close(accel_noise *noise) { delete noise; }

accel_status accel_noise_draw(accel_noise *noise, float *values, std::size_t count, accel_error *error) {
  return guarded(error, [&] {
    accel_noise &source = required(noise, "noise");
    if (count > 0) source.generator.normal(&required(values, "values"), count);
  });
}
