#include "manifest/manifest.hpp"

#include <algorithm>
#include <set>

#include "base/digits.hpp"
#include "base/error.hpp"

namespace accel::core {
namespace {

constexpr std::size_t longest_name = 40;
constexpr std::size_t longest_factor = 6;
constexpr const char *letters_and_bar = "abcdefghijklmnopqrstuvwxyz_";
constexpr const char *dtype_names[] = {"float32", "float16", "bfloat16", "int64", "int32"};

const TensorSpec *find(const std::vector<TensorSpec> &tensors, const std::string &name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const TensorSpec &t) { return t.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

const TensorSpec &named(const std::vector<TensorSpec> &tensors, const std::string &name) {
  if (const TensorSpec *found = find(tensors, name)) return *found;
  throw BundleError(join("graph has no tensor '", name, "'"));
}

}  // namespace

std::optional<Dimension> parse_dimension(const std::string &text) {
  Dimension dimension;
  dimension.symbol = text;
  const std::size_t star = text.find('*');
  if (star != std::string::npos) {
    const auto times = parse_count(text.substr(0, star), longest_factor);
    if (!times) return std::nullopt;
    dimension.times = *times;
    dimension.symbol.erase(0, star + 1);
  }
  const std::size_t slash = dimension.symbol.find('/');
  if (slash != std::string::npos) {
    const auto over = parse_count(dimension.symbol.substr(slash + 1), longest_factor);
    if (!over) return std::nullopt;
    dimension.over = *over;
    dimension.symbol.erase(slash);
  }
  const bool is_symbol = dimension.symbol.find_first_not_of(letters_and_bar) == std::string::npos;
  if (dimension.symbol.empty() || dimension.symbol.size() > longest_name || !is_symbol) return std::nullopt;
  return dimension;
}

std::string shown(const Dimension &dimension) {
  if (dimension.symbol.empty()) return std::to_string(dimension.number);
  const std::string times = dimension.times == 1 ? "" : std::to_string(dimension.times) + "*";
  return times + dimension.symbol + (dimension.over == 1 ? "" : "/" + std::to_string(dimension.over));
}

std::string shown(const std::vector<Dimension> &shape) {
  std::vector<std::string> texts;
  for (const Dimension &dimension : shape) texts.push_back(shown(dimension));
  return "[" + listed(texts) + "]";
}

DType parse_dtype(const std::string &text) {
  return static_cast<DType>(std::find(std::begin(dtype_names), std::end(dtype_names), text) - std::begin(dtype_names));
}

const char *name_of(DType dtype) { return dtype_names[static_cast<std::size_t>(dtype)]; }

std::size_t bytes_of(DType dtype) {
  if (dtype == DType::int64) return 8;
  return dtype == DType::float16 || dtype == DType::bfloat16 ? 2 : 4;
}

const TensorSpec &GraphSpec::input(const std::string &name) const { return named(inputs, name); }

const TensorSpec &GraphSpec::output(const std::string &name) const { return named(outputs, name); }

bool GraphSpec::takes(const std::string &name) const { return find(inputs, name) != nullptr; }

std::map<std::string, Role> Manifest::roles() const {
  std::map<std::string, Role> all;
  for (const auto &[name, text] : texts) all[name] = {Part::text, 0};
  for (const std::string &name : controls()) all[name] = {Part::control, 0};
  all[denoiser.deep] = {Part::deep, 0};
  for (const auto &[branch, cut] : denoiser.shallow) all[cut.graph] = {Part::shallow, branch};
  if (decoder) all[decoder->graph] = {Part::decoder, 0};
  if (encoder) all[encoder->graph] = {Part::encoder, 0};
  return all;
}

std::vector<std::string> Manifest::controls() const {
  std::vector<std::string> graphs_of_images;
  for (const Input &input : denoiser.inputs) {
    if (const auto *source = std::get_if<FromControl>(&input.source)) graphs_of_images.push_back(source->graph);
  }
  return graphs_of_images;
}

std::vector<std::string> Manifest::text_outputs(const std::string &encoder_name) const {
  std::vector<std::string> used;
  for (const Input &input : denoiser.inputs) {
    const auto *source = std::get_if<FromText>(&input.source);
    if (source == nullptr) continue;
    for (const auto *outputs : {&source->outputs, &source->negative_outputs}) {
      for (const TextOutput &output : *outputs) {
        const bool is_new = std::find(used.begin(), used.end(), output.tensor) == used.end();
        if (output.encoder == encoder_name && is_new) used.push_back(output.tensor);
      }
    }
  }
  return used;
}

DType Manifest::features() const {
  std::set<DType> made;
  for (const auto &[branch, cut] : denoiser.shallow) made.insert(deep().output(cut.feature).dtype);
  return made == std::set<DType>{DType::float16} ? DType::float16 : DType::float32;
}

bool is_plan_name(const std::string &text) {
  const bool is_plain = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  const bool begins_well = !text.empty() && text[0] >= 'a' && text[0] <= 'z';
  return begins_well && is_plain && text.size() <= longest_name && text != "full" && text != "every" && text != "calls";
}

}  // namespace accel::core
