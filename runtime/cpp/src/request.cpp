#include "request.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "text/utf8.hpp"

namespace accel::core {
namespace {

constexpr std::int64_t most_images = 1000;

void check_side(const char *name, std::int64_t size, std::int64_t multiple) {
  if (size < 1 || size > longest_side) {
    throw InputError(join(name, ": expected 1 to ", longest_side, " pixels, got ", size));
  }
  if (size % multiple != 0) {
    throw InputError(join(name, ": expected a positive multiple of ", multiple, " pixels, got ", size));
  }
}

void check_image(const StartImages &image, const OutputShape &shape) {
  const bool is_one_for_each = image.count == 1 || image.count == shape.images;
  if (image.height == shape.height && image.width == shape.width && is_one_for_each) return;
  throw InputError(join("image: expected 1 or ", shape.images, " of ", shape.height, "×", shape.width, " pixels, got ",
                        image.count, " of ", image.height, "×", image.width));
}

}  // namespace

OutputShape output_shape(const Request &request, const State &state) {
  const auto prompts = static_cast<std::int64_t>(request.prompts.size());
  if (prompts < 1) throw InputError("prompts: expected one or more, got none");
  if (request.images_per_prompt < 1 || request.images_per_prompt > most_images / prompts) {
    throw InputError(
        join("images: expected 1 to ", most_images, " at a time, got ", prompts, " × ", request.images_per_prompt));
  }
  const std::int64_t own_height = request.image ? request.image->height : state.height;
  const std::int64_t own_width = request.image ? request.image->width : state.width;
  OutputShape shape;
  shape.images = prompts * request.images_per_prompt;
  shape.height = request.height.value_or(own_height);
  shape.width = request.width.value_or(own_width);
  check_side("height", shape.height, state.multiple);
  check_side("width", shape.width, state.multiple);
  shape.channels = state.channels;
  shape.latent_height = shape.height / state.scale;
  shape.latent_width = shape.width / state.scale;
  if (request.image) check_image(*request.image, shape);
  if (!request.latents.empty() && request.latents.size() != shape.latents()) {
    throw InputError(join("latents: expected ", shape.latents(), " numbers, got ", request.latents.size()));
  }
  return shape;
}

std::vector<std::uint64_t> image_seeds(const Request &request, std::int64_t images) {
  const auto count = static_cast<std::size_t>(images);
  if (!request.seeds.empty()) {
    if (request.seeds.size() == count) return request.seeds;
    throw InputError(join("seeds: expected one per image, ", images, ", got ", request.seeds.size()));
  }
  std::vector<std::uint64_t> seeds;
  for (std::uint64_t at = 0; at < count; ++at) seeds.push_back(request.seed + at);
  return seeds;
}

std::vector<std::string> negatives_of(const Request &request) {
  if (request.negatives.size() == request.prompts.size()) return request.negatives;
  return std::vector<std::string>(request.prompts.size(), request.negatives.empty() ? "" : request.negatives.front());
}

void check_request(const Request &request, const Manifest &manifest, bool guided) {
  const std::size_t count = request.prompts.size();
  if (request.negatives.size() > 1 && request.negatives.size() != count) {
    throw InputError(join("expected 1 or ", count, " negative prompts, got ", request.negatives.size()));
  }
  for (const auto *texts : {&request.prompts, &request.negatives}) {
    for (const std::string &text : *texts) {
      decode_utf8(text);
      if (manifest.texts.empty() && !text.empty())
        throw InputError("prompt: the model takes none: leave prompts empty");
    }
  }
  if (guided && manifest.denoiser.guidance == GuidanceBy::none) {
    throw InputError("guidance: the model cannot be guided: set it to 1");
  }
  if (request.image && !manifest.encoder) throw InputError("image: the bundle has no encoder: start from noise");
  if (request.image && !request.latents.empty()) {
    throw InputError("image and latents: give only one of them to start from");
  }
}

}  // namespace accel::core
