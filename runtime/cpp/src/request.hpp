// What a user asks for.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/array.hpp"
#include "manifest/manifest.hpp"

namespace accel::core {

// Of a mask, as diffusers binarises: one half and more.
inline constexpr std::uint8_t white = 128;

// One picture for all images, or one for each: [n, H, W, 3], or [n, H, W] of masks.
struct Pictures {
  std::vector<std::uint8_t> pixels;
  std::int64_t count = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;

  // The first value of the picture for an image; one picture serves all.
  const std::uint8_t *at(std::size_t image) const {
    return pixels.data() + (count == 1 ? 0 : image) * (pixels.size() / static_cast<std::size_t>(count));
  }
};

// A control image for a ControlNet; the numbers are those of diffusers' pipelines.
struct Control {
  Pictures image;
  double scale = 1;
  double start = 0;  // share of the calls after which it begins
  double end = 1;    // share of the calls after which it ends
};

// Height and width in pixels, or top and left.
using Pair = std::pair<std::int64_t, std::int64_t>;

// What a model of SDXL's kind is told of the picture; it was trained on crops of larger ones.
struct Framing {
  std::optional<Pair> original_size;  // before it was cropped; the size that is drawn where it is not said
  Pair crop = {0, 0};
  std::optional<Pair> target_size;  // of the crop; the size that is drawn where it is not said
  std::optional<double> aesthetic_score;
};

struct Request {
  std::vector<std::string> prompts;
  std::vector<std::string> negatives;  // none, one for all, or one for each prompt
  std::int64_t images_per_prompt = 1;
  std::uint64_t seed = 0;              // image i draws its noise from seed + i
  std::vector<std::uint64_t> seeds;    // one for each image, instead
  std::optional<std::int64_t> height;  // pixels; the bundle's own size where it is not said
  std::optional<std::int64_t> width;
  std::optional<double> guidance;  // 7.5 where it is not said, or 1 of a model that is never guided
  double guidance_rescale = 0;
  std::vector<float> latents;  // unit-variance noise [B, C, h, w] instead of the seed's
  std::optional<Pictures> image;  // where to start instead of from noise alone
  double strength = 1;            // share of the schedule that is run from an image
  std::optional<Pictures> mask;   // where the image is drawn anew, from `white` on; the rest stays
  std::vector<Control> controls;  // one for each ControlNet of the model, in their order
  std::optional<Framing> framing;
  std::optional<Framing> negative_framing;  // of the negative half; diffusers' default where it is not said
  std::vector<std::int64_t> class_labels;   // one for all, or one for each prompt
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

// The class of each image. Raises an `InputError` where there is none for each prompt, or no such class.
std::vector<std::int64_t> image_classes(const Request &request, std::int64_t classes);

// Raises an `InputError` where no picture is framed so.
void check_framing(const Framing &framing);

// Raises an `InputError` where the request says what the model does not take.
void check_request(const Request &request, const Manifest &manifest, bool guided);

}  // namespace accel::core
