#include "request.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "text/utf8.hpp"

namespace accel::core {
namespace {

constexpr std::int64_t most_images = 1000;
// Raters gave 1 to 10.
constexpr double most_score = 1000;

void check_side(const char *name, std::int64_t size, std::int64_t multiple) {
  if (size < 1 || size > longest_side) {
    throw InputError(join(name, ": expected 1 to ", longest_side, " pixels, got ", size));
  }
  if (size % multiple != 0) {
    throw InputError(join(name, ": expected a positive multiple of ", multiple, " pixels, got ", size));
  }
}

void check_pictures(const std::string &name, const Pictures &pictures, const OutputShape &shape) {
  const bool is_one_for_each = pictures.count == 1 || pictures.count == shape.images;
  if (pictures.height == shape.height && pictures.width == shape.width && is_one_for_each) return;
  throw InputError(join(name, ": expected 1 or ", shape.images, " of ", shape.height, "×", shape.width,
                        " pixels, got ", pictures.count, " of ", pictures.height, "×", pictures.width));
}

// The pictures that say how large the others are; none where the model does.
const Pictures *sizing(const Request &request) {
  if (request.image) return &*request.image;
  return request.controls.empty() ? nullptr : &request.controls.front().image;
}

void check_controls(const Request &request, const Manifest &manifest) {
  const std::size_t wanted = manifest.controls().size();
  const std::size_t given = request.controls.size();
  if (given > 0 && wanted == 0) {
    throw InputError(
        "control: the model has no ControlNet: leave the control image out, or export it with one");
  }
  if (given != wanted) {
    throw InputError(join("control: expected ", wanted, wanted == 1 ? " image" : " images",
                          ", one for each ControlNet of the model, got ", given));
  }
}

void check_mask(const Request &request, const Manifest &manifest) {
  if (request.mask && !request.image) {
    throw InputError("mask: expected an image beside it, of which a part is to be drawn anew, got none");
  }
  if (!request.mask && (manifest.takes<FromMask>() || manifest.takes<FromMaskedImage>())) {
    throw InputError("mask: the model fills in a masked picture: expected an image and a mask, got none");
  }
}

// What the sizes of a model end with.
bool ends_with(const Manifest &manifest, bool score) {
  const auto &inputs = manifest.denoiser.inputs;
  return std::any_of(inputs.begin(), inputs.end(), [score](const Input &input) {
    const auto *sizes = std::get_if<FromSizes>(&input.source);
    return sizes != nullptr && sizes->ends_with_score == score;
  });
}

void check_framings(const Request &request, const Manifest &manifest) {
  for (const auto *framing : {&request.framing, &request.negative_framing}) {
    if (!*framing) continue;
    if (!manifest.takes<FromSizes>()) throw InputError("framing: the model takes no sizes: leave it out");
    if ((*framing)->aesthetic_score && !ends_with(manifest, true)) {
      throw InputError("framing: the model takes no aesthetic score: leave it out");
    }
    if ((*framing)->target_size && !ends_with(manifest, false)) {
      throw InputError(
          "framing: the model takes an aesthetic score in place of a target size: leave the size out");
    }
  }
  const auto &negative = request.negative_framing;
  const bool is_whole = !negative || (negative->original_size && negative->target_size);
  if (ends_with(manifest, false) && !is_whole) {
    throw InputError("negative framing: expected an original and a target size, since diffusers needs both");
  }
}

}  // namespace

OutputShape output_shape(const Request &request, const State &state) {
  const auto prompts = static_cast<std::int64_t>(request.prompts.size());
  if (prompts < 1) throw InputError("prompts: expected one or more, got none");
  if (request.images_per_prompt < 1 || request.images_per_prompt > most_images / prompts) {
    throw InputError(
        join("images: expected 1 to ", most_images, " at a time, got ", prompts, " × ", request.images_per_prompt));
  }
  const Pictures *given = sizing(request);
  const std::int64_t own_height = given != nullptr ? given->height : state.height;
  const std::int64_t own_width = given != nullptr ? given->width : state.width;
  OutputShape shape;
  shape.images = prompts * request.images_per_prompt;
  shape.height = request.height.value_or(own_height);
  shape.width = request.width.value_or(own_width);
  check_side("height", shape.height, state.multiple);
  check_side("width", shape.width, state.multiple);
  shape.channels = state.channels;
  shape.latent_height = shape.height / state.scale;
  shape.latent_width = shape.width / state.scale;
  if (request.image) check_pictures("image", *request.image, shape);
  if (request.mask) check_pictures("mask", *request.mask, shape);
  for (std::size_t at = 0; at < request.controls.size(); ++at) {
    check_pictures(join("control image ", at), request.controls[at].image, shape);
  }
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

std::vector<std::int64_t> image_classes(const Request &request, std::int64_t classes) {
  const auto &given = request.class_labels;
  const std::size_t prompts = request.prompts.size();
  if (given.size() != 1 && given.size() != prompts) {
    throw InputError(join("class labels: expected 1", prompts > 1 ? join(" or ", prompts) : "",
                          ", one for each prompt, got ", given.size()));
  }
  std::vector<std::int64_t> labels;
  for (std::size_t prompt = 0; prompt < prompts; ++prompt) {
    const std::int64_t label = given[given.size() == 1 ? 0 : prompt];
    if (label < 0 || label >= classes) {
      throw InputError(join("class label: expected 0 to ", classes - 1, ", got ", label));
    }
    labels.insert(labels.end(), static_cast<std::size_t>(request.images_per_prompt), label);
  }
  return labels;
}

void check_framing(const Framing &framing) {
  for (const auto *size : {&framing.original_size, &framing.target_size}) {
    for (const std::int64_t side : {*size ? (*size)->first : 1, *size ? (*size)->second : 1}) {
      check_side("framing", side, 1);
    }
  }
  for (const std::int64_t place : {framing.crop.first, framing.crop.second}) {
    if (place < 0 || place > longest_side) {
      throw InputError(join("framing: expected a crop at 0 to ", longest_side, " pixels, got ", place));
    }
  }
  if (framing.aesthetic_score && !(std::abs(*framing.aesthetic_score) <= most_score)) {
    throw InputError(join("framing: aesthetic score: expected -", most_score, " to ", most_score, ", got ",
                          *framing.aesthetic_score));
  }
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
  if (!request.class_labels.empty() && !manifest.takes<FromLabels>()) {
    throw InputError("class labels: the model takes none: leave them out");
  }
  check_mask(request, manifest);
  check_controls(request, manifest);
  check_framings(request, manifest);
}

}  // namespace accel::core
