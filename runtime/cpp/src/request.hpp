// What a user asks for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/array.hpp"
#include "manifest/manifest.hpp"

namespace accel::core {

// Images to start from: one for all, or one for each, [n, H, W, 3].
struct StartImages {
  std::vector<std::uint8_t> pixels;
  std::int64_t count = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  double strength = 1;  // share of the schedule that is run
};

struct Request {
  std::vector<std::string> prompts;
  std::vector<std::string> negatives;  // none, one for all, or one for each prompt
  std::int64_t images_per_prompt = 1;
  std::uint64_t seed = 0;              // image i draws its noise from seed + i
  std::vector<std::uint64_t> seeds;    // one for each image, instead
  std::optional<std::int64_t> height;  // pixels; the bundle's own size where it is not said
  std::optional<std::int64_t> width;
  double guidance = 7.5;
  double guidance_rescale = 0;
  std::vector<float> latents;  // unit-variance noise [B, C, h, w] instead of the seed's
  std::optional<StartImages> image;
};

// What comes of a request: [images, height, width, 3] pixels and [images, channels, latent_height, latent_width]
// latents.
struct OutputShape {
  std::int64_t images = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;
  std::int64_t latent_height = 0;
  std::int64_t latent_width = 0;

  // Of one image's latents.
  Shape latent() const { return {channels, latent_height, latent_width}; }
  std::size_t pixels() const { return count_of({images, height, width, 3}); }
  std::size_t latents() const { return count_of({images, channels, latent_height, latent_width}); }
};

// Raises an `InputError` where the model cannot make such images.
OutputShape output_shape(const Request &request, const State &state);

// The seed of each image. Raises an `InputError` where they are not as many as the images.
std::vector<std::uint64_t> image_seeds(const Request &request, std::int64_t images);

// The negative prompt of each prompt.
std::vector<std::string> negatives_of(const Request &request);

// Raises an `InputError` where the request says what the model does not take.
void check_request(const Request &request, const Manifest &manifest, bool guided);

}  // namespace accel::core
