#include "denoising/conditioning.hpp"

#include <cmath>

#include "base/error.hpp"
#include "bundle/dims.hpp"
#include "denoising/float_math.hpp"

namespace accel::core {
namespace {

// diffusers' aesthetic scores, of a prompt and of a negative prompt.
constexpr float prompt_score = 6.0F;
constexpr float negative_score = 2.5F;

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

// A request and what its values are made with.
class Given {
 public:
  Given(const Request &request, const Manifest &manifest, const OutputShape &shape, const Encode &encode,
        const Guided &guided)
      : request_(request), manifest_(manifest), shape_(shape), encode_(encode), guided_(guided) {}

  // One row for each image, for one half.
  std::vector<Array> rows(const Input &input, bool is_negative) const {
    if (const auto *text = std::get_if<FromText>(&input.source)) return text_rows(input, *text, is_negative);
    const Array row = std::holds_alternative<FromSizes>(input.source)
                          ? size_row(std::get<FromSizes>(input.source), is_negative)
                          : guidance_row(input);
    return std::vector<Array>(static_cast<std::size_t>(shape_.images), row);
  }

 private:
  std::vector<Array> text_rows(const Input &input, const FromText &source, bool is_negative) const {
    const bool has_own_negative = is_negative && input.negative != Negative::same;
    std::vector<Array> all;
    for (const std::string &prompt : has_own_negative ? negatives_of(request_) : request_.prompts) {
      std::vector<Array> parts;
      for (const TextOutput &output : source.outputs) {
        parts.push_back(encode_(output.encoder, prompt).at(output.tensor));
      }
      Array row = joined(parts);
      const bool is_zero = has_own_negative && input.negative == Negative::zeros && prompt.empty();
      if (is_zero) row = Array::zeros(row.shape);
      all.insert(all.end(), static_cast<std::size_t>(request_.images_per_prompt), row);
    }
    return all;
  }

  // SDXL's time ids: the picture is whole and of the size that is asked for, as in diffusers.
  Array size_row(const FromSizes &source, bool is_negative) const {
    const auto height = static_cast<float>(shape_.height);
    const auto width = static_cast<float>(shape_.width);
    if (!source.ends_with_score) return {{6}, {height, width, 0, 0, height, width}};
    return {{5}, {height, width, 0, 0, is_negative ? negative_score : prompt_score}};
  }

  Array guidance_row(const Input &input) const {
    if (!guided_.scale) throw InputError("guidance: the model takes it as an input: give a number");
    const Shape shape = resolve(manifest_.deep().input(input.name).shape, own_sizes(manifest_));
    if (shape[1] < 4) throw BundleError(input.name + ": too narrow for an embedding of the guidance");
    return guidance_embedding(*guided_.scale, shape[1]);
  }

  const Request &request_;
  const Manifest &manifest_;
  const OutputShape &shape_;
  const Encode &encode_;
  const Guided &guided_;
};

}  // namespace

Conditioning condition(const Request &request, const Manifest &manifest, const OutputShape &shape, const Encode &encode,
                       const Guided &guided) {
  const Given given(request, manifest, shape, encode, guided);
  Conditioning conditioning;
  for (const Input &input : manifest.denoiser.inputs) {
    std::vector<Array> rows;
    if (guided.by_halves) rows = given.rows(input, true);
    const std::vector<Array> prompt = given.rows(input, false);
    rows.insert(rows.end(), prompt.begin(), prompt.end());
    Array all{{static_cast<std::int64_t>(rows.size())}, {}};
    all.shape.insert(all.shape.end(), rows.front().shape.begin(), rows.front().shape.end());
    for (const Array &row : rows) all.values.insert(all.values.end(), row.values.begin(), row.values.end());
    conditioning.emplace(input.name, std::move(all));
  }
  return conditioning;
}

}  // namespace accel::core
