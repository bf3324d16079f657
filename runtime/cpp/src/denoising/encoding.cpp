#include "denoising/encoding.hpp"

#include <algorithm>

#include "denoising/float_math.hpp"

namespace accel::core {
namespace {

// A draw for each of some generators, from the posteriors that the moments [n or 1, 2C, h, w] describe.
Array posterior_sample(const Array &moments, std::vector<TorchGenerator> &generators, std::size_t draws) {
  const Shape half = {moments.shape[1] / 2, moments.shape[2], moments.shape[3]};
  Array drawn = stacked_normal(generators, half, draws);
  for (std::size_t image = 0; image < draws; ++image) {
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

void append(Array &all, const Array &one) {
  if (all.shape.empty()) all.shape = {0, one.shape[1], one.shape[2], one.shape[3]};
  ++all.shape[0];
  all.values.insert(all.values.end(), one.values.begin(), one.values.end());
}

}  // namespace

std::size_t ToEncode::count() const {
  const std::int64_t masks = hidden == nullptr ? 1 : hidden->count;
  return static_cast<std::size_t>(std::max(images->count, masks));
}

Array encode_images(Components &components, const ToEncode &given, std::vector<TorchGenerator> &generators,
                    std::size_t draws) {
  const Codec &codec = *components.bundle().manifest().encoder;
  Array encoded;
  for (std::size_t at = 0; at < given.count(); ++at) {
    const std::uint8_t *hidden = given.hidden == nullptr ? nullptr : given.hidden->at(at);
    append(encoded, components.encode(given.images->at(at), given.images->height, given.images->width, hidden));
  }
  Array sample = codec.gives_moments ? posterior_sample(encoded, generators, draws) : encoded;
  for (float &value : sample.values) {
    if (codec.shift != 0) value -= static_cast<float>(codec.shift);
    value *= static_cast<float>(codec.scale);
  }
  return sample;
}

void skip_encoding(const Components &components, std::vector<TorchGenerator> &generators, const Shape &shape,
                   std::size_t draws) {
  const auto &codec = components.bundle().manifest().encoder;
  if (codec && codec->gives_moments) stacked_normal(generators, shape, draws);
}

std::map<std::string, Array> embed_controls(Components &components, const Request &request) {
  std::map<std::string, Array> embedded;
  const std::vector<std::string> graphs = components.bundle().manifest().controls();
  for (std::size_t number = 0; number < graphs.size(); ++number) {
    const Pictures &images = request.controls[number].image;
    Array all;
    for (std::size_t at = 0; at < static_cast<std::size_t>(images.count); ++at) {
      append(all, components.embed_control(graphs[number], images.at(at), images.height, images.width));
    }
    embedded[graphs[number]] = std::move(all);
  }
  return embedded;
}

}  // namespace accel::core
