#include "denoising/conditioning.hpp"

#include <cmath>

#include "base/error.hpp"
#include "bundle/dims.hpp"
#include "denoising/float_math.hpp"

namespace accel::core {
namespace {

// diffusers' aesthetic scores, of a prompt and of a negative prompt.
constexpr double prompt_score = 6.0;
constexpr double negative_score = 2.5;

// Outputs of several encoders side by side on the last axis.
Array joined(const std::vector<Array> &parts) {
  if (parts.size() == 1) return parts.front();
  Array all{parts.front().shape, {}};
  all.shape.back() = 0;
  for (const Array &part : parts) all.shape.back() += part.shape.back();
  const std::size_t rows = parts.front().values.size() / static_cast<std::size_t>(parts.front().shape.back());
  for (std::size_t row = 0; row < rows; ++row) {
    for (const Array &part : parts) {
      const auto width = static_cast<std::ptrdiff_t>(part.shape.back());
      const auto first = part.values.begin() + static_cast<std::ptrdiff_t>(row) * width;
      all.values.insert(all.values.end(), first, first + width);
    }
  }
  return all;
}

// The guidance scale as distilled UNets take it, [E]: as `get_guidance_scale_embedding` of diffusers, in float32.
Array guidance_embedding(double scale, std::int64_t width) {
  const auto half = static_cast<std::size_t>(width / 2);
  const float step = float_math::log(10000.0F) / static_cast<float>(half - 1);
  const float scaled = static_cast<float>(scale - 1) * 1000.0F;
  Array embedding = Array::zeros({width});
  for (std::size_t at = 0; at < half; ++at) {
    const float exponent = static_cast<float>(at) * -step;
    const float frequency = static_cast<float>(std::exp(static_cast<double>(exponent)));
    const auto angle = static_cast<double>(scaled * frequency);
    embedding.values[at] = static_cast<float>(std::sin(angle));
    embedding.values[at + half] = static_cast<float>(std::cos(angle));
  }
  return embedding;
}

// The scale of each control at each call, zero before its start and after its end: [calls, N]. A call counts where all
// of it lies between start and end, as in diffusers.
Array control_scales(const std::vector<Control> &controls, std::size_t calls) {
  Array scales = Array::zeros({static_cast<std::int64_t>(calls), static_cast<std::int64_t>(controls.size())});
  for (std::size_t call = 0; call < calls; ++call) {
    const double first = static_cast<double>(call) / static_cast<double>(calls);
    const double last = static_cast<double>(call + 1) / static_cast<double>(calls);
    for (std::size_t number = 0; number < controls.size(); ++number) {
      const Control &control = controls[number];
      const bool counts = first >= control.start && last <= control.end;
      if (counts) scales.entry_at(call)[number] = static_cast<float>(control.scale);
    }
  }
  return scales;
}

// A request and what its values are made with. `rows` has one function for each source of an input.
class Given {
 public:
  Given(const Request &request, const Manifest &manifest, const OutputShape &shape, const Encode &encode,
        const Told &told)
      : request_(request), manifest_(manifest), shape_(shape), encode_(encode), told_(told) {}

  // One row for each image, for one half.
  std::vector<Array> rows(const Input &input, bool is_negative) const {
    const bool has_own = is_negative && input.negative != Negative::same;
    return std::visit([&](const auto &source) { return rows_of(source, input, has_own); }, input.source);
  }

 private:
  std::vector<Array> rows_of(const FromText &source, const Input &input, bool has_own_negative) const {
    const bool has_own_outputs = has_own_negative && !source.negative_outputs.empty();
    const auto &outputs = has_own_outputs ? source.negative_outputs : source.outputs;
    std::vector<Array> all;
    for (const std::string &prompt : has_own_negative ? negatives_of(request_) : request_.prompts) {
      std::vector<Array> parts;
      for (const TextOutput &output : outputs) parts.push_back(encode_(output.encoder, prompt).at(output.tensor));
      Array row = joined(parts);
      const bool is_zero = has_own_negative && input.negative == Negative::zeros && prompt.empty();
      if (is_zero) row = Array::zeros(row.shape);
      all.insert(all.end(), static_cast<std::size_t>(request_.images_per_prompt), row);
    }
    return all;
  }

  // SDXL's time ids. Without a framing the picture is whole and of the size that is asked for, as in diffusers.
  std::vector<Array> rows_of(const FromSizes &source, const Input &, bool has_own_negative) const {
    const Framing told = request_.framing.value_or(Framing{});
    const Framing framing = has_own_negative ? negative_framing(source, told) : told;
    const Pair own = {shape_.height, shape_.width};
    const Pair original = framing.original_size.value_or(told.original_size.value_or(own));
    const Pair target = framing.target_size.value_or(told.target_size.value_or(own));
    std::vector<float> ids;
    for (const Pair &pair : {original, framing.crop, target}) {
      ids.push_back(static_cast<float>(pair.first));
      ids.push_back(static_cast<float>(pair.second));
    }
    if (source.ends_with_score) {
      const double usual = has_own_negative ? negative_score : prompt_score;
      ids.resize(4);
      ids.push_back(static_cast<float>(framing.aesthetic_score.value_or(usual)));
    }
    return for_all({{static_cast<std::int64_t>(ids.size())}, ids});
  }

  // By the rules of diffusers' pipelines: what is not said is as in the prompt half, but a refiner's crop is at 0, 0
  // and it has another score; and with an image to start from, SDXL's crop is that of the prompt half, whatever is said.
  Framing negative_framing(const FromSizes &source, const Framing &told) const {
    Framing negative = request_.negative_framing.value_or(source.ends_with_score ? Framing{} : told);
    if (request_.image && !source.ends_with_score) negative.crop = told.crop;
    return negative;
  }

  std::vector<Array> rows_of(const FromGuidance &, const Input &input, bool) const {
    if (!told_.guidance) throw InputError("guidance: the model takes it as an input: give a number");
    const Shape shape = resolve(manifest_.deep().input(input.name).shape, own_sizes(manifest_));
    if (shape[1] < 4) throw BundleError(input.name + ": too narrow for an embedding of the guidance");
    return for_all(guidance_embedding(*told_.guidance, shape[1]));
  }

  std::vector<Array> rows_of(const FromLabels &source, const Input &, bool) const {
    std::vector<Array> all;
    for (const std::int64_t label : image_classes(request_, source.classes)) {
      all.push_back({{}, {static_cast<float>(label)}});
    }
    return all;
  }

  std::vector<Array> rows_of(const FromMask &, const Input &, bool) const { return each(told_.inpainting->mask); }

  std::vector<Array> rows_of(const FromMaskedImage &, const Input &, bool) const {
    return each(*told_.inpainting->masked_image);
  }

  std::vector<Array> rows_of(const FromControl &source, const Input &, bool) const {
    return each(told_.controls->at(source.graph));
  }

  // They change from call to call.
  std::vector<Array> rows_of(const FromControlScales &, const Input &, bool) const { return {}; }

  std::vector<Array> for_all(const Array &row) const {
    return std::vector<Array>(static_cast<std::size_t>(shape_.images), row);
  }

  // The entries of [B or 1, …], one for each image.
  std::vector<Array> each(const Array &values) const {
    std::vector<Array> all;
    for (std::size_t image = 0; image < static_cast<std::size_t>(shape_.images); ++image) {
      const float *first = values.entry_at(values.shape[0] == 1 ? 0 : image);
      all.push_back({{values.shape.begin() + 1, values.shape.end()}, {first, first + values.entry()}});
    }
    return all;
  }

  const Request &request_;
  const Manifest &manifest_;
  const OutputShape &shape_;
  const Encode &encode_;
  const Told &told_;
};

}  // namespace

Conditioning condition(const Request &request, const Manifest &manifest, const OutputShape &shape, const Encode &encode,
                       const Told &told) {
  const Given given(request, manifest, shape, encode, told);
  Conditioning conditioning;
  for (const Input &input : manifest.denoiser.inputs) {
    if (std::holds_alternative<FromControlScales>(input.source)) {
      conditioning.by_call.emplace(input.name, control_scales(request.controls, told.calls));
      continue;
    }
    std::vector<Array> rows;
    if (told.by_halves) rows = given.rows(input, true);
    const std::vector<Array> prompt = given.rows(input, false);
    rows.insert(rows.end(), prompt.begin(), prompt.end());
    Array all{{static_cast<std::int64_t>(rows.size())}, {}};
    all.shape.insert(all.shape.end(), rows.front().shape.begin(), rows.front().shape.end());
    for (const Array &row : rows) all.values.insert(all.values.end(), row.values.begin(), row.values.end());
    conditioning.rows.emplace(input.name, std::move(all));
  }
  return conditioning;
}

}  // namespace accel::core
