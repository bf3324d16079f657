#include "bundle/contract.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "bundle/dims.hpp"

namespace accel::core {
namespace {

// A size that is wanted; none where the model is free to choose.
using Wanted = std::vector<std::optional<std::int64_t>>;

std::string described(const TensorSpec &tensor) {
  return join(tensor.name, " ", name_of(tensor.dtype), " ", shown(tensor.shape));
}

void check(const TensorSpec &tensor, const Wanted &shape, const std::set<DType> &dtypes = {DType::float32}) {
  bool fits = dtypes.count(tensor.dtype) == 1 && tensor.shape.size() == shape.size();
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < shape.size(); ++at) {
    texts.push_back(shape[at] ? std::to_string(*shape[at]) : "?");
    fits = fits && (!shape[at] || tensor.shape[at] == Dimension{*shape[at], "", 1, 1});
  }
  if (fits) return;
  std::vector<std::string> names;
  for (const DType dtype : dtypes) names.emplace_back(name_of(dtype));
  throw Malformed(join("expected ", listed(names), " [", listed(texts), "], got ", described(tensor)));
}

void check_tensors(const GraphSpec &graph, const Sizes &sizes) {
  for (const auto *tensors : {&graph.inputs, &graph.outputs}) {
    std::set<std::string> names;
    for (const TensorSpec &tensor : *tensors) {
      if (!names.insert(tensor.name).second) throw Malformed("two tensors are called " + tensor.name);
      if (tensor.dtype == DType::bfloat16) throw Malformed(tensor.name + " is bfloat16, which no array of the host is");
      const Shape shape = resolve(tensor.shape, sizes);
      if (std::find(shape.begin(), shape.end(), 0) != shape.end()) {
        throw Malformed(join(tensor.name, ": ", shown(tensor.shape), " is empty at the model's own size"));
      }
    }
  }
}

void check_one_input(const GraphSpec &graph, const Wanted &shape, const std::set<DType> &dtypes = {DType::float32}) {
  if (graph.inputs.size() != 1) throw Malformed(join("expected one input, got ", graph.inputs.size()));
  check(graph.inputs[0], shape, dtypes);
}

Wanted state_of(const Manifest &manifest) {
  return {std::nullopt, manifest.state.channels, std::nullopt, std::nullopt};
}

void check_text(const Manifest &manifest, const std::string &name) {
  const GraphSpec &graph = manifest.graph(name);
  const std::int64_t length = manifest.texts.at(name).max_length;
  check_one_input(graph, {std::nullopt, length}, {DType::int64, DType::int32});
  for (const std::string &output : manifest.text_outputs(name)) {
    const TensorSpec &tensor = graph.output(output);
    if (tensor.shape.size() == 3) {
      check(tensor, {std::nullopt, length, std::nullopt});
    } else {
      check(tensor, {std::nullopt, std::nullopt});
    }
  }
}

using Dimensions = std::vector<std::vector<Dimension>>;

Dimensions shapes_of(const Manifest &manifest, const std::vector<TextOutput> &outputs) {
  Dimensions shapes;
  for (const TextOutput &output : outputs) shapes.push_back(manifest.graph(output.encoder).output(output.tensor).shape);
  return shapes;
}

// What an input that is made of text must look like.
Wanted conditioned(const Manifest &manifest, const FromText &source, const std::string &name) {
  const bool has_own_negative = !source.negative_outputs.empty();
  if (has_own_negative && !(shapes_of(manifest, source.negative_outputs) == shapes_of(manifest, source.outputs))) {
    throw Malformed(name + ": expected outputs of the negative half in the shapes of the other's");
  }
  Wanted wanted;
  std::optional<std::int64_t> width = 0;
  for (const TextOutput &output : source.outputs) {
    const auto &shape = manifest.graph(output.encoder).output(output.tensor).shape;
    Wanted inner;
    for (std::size_t at = 0; at + 1 < shape.size(); ++at) {
      const bool is_open = at == 0 || !shape[at].symbol.empty();
      inner.push_back(is_open ? std::nullopt : std::optional(shape[at].number));
    }
    if (&output != &source.outputs.front() && inner != wanted) {
      throw Malformed(name + ": expected outputs that differ in the last axis only");
    }
    wanted = inner;
    const bool is_known = width && !shape.empty() && shape.back().symbol.empty();
    width = is_known ? std::optional(*width + shape.back().number) : std::nullopt;
  }
  wanted.push_back(width);
  return wanted;
}

Wanted wanted_of(const Manifest &manifest, const Input &input) {
  if (const auto *sizes = std::get_if<FromSizes>(&input.source)) return {std::nullopt, sizes->ends_with_score ? 5 : 6};
  if (const auto *text = std::get_if<FromText>(&input.source)) return conditioned(manifest, *text, input.name);
  if (const auto *control = std::get_if<FromControl>(&input.source)) {
    const auto &made = manifest.graph(control->graph).outputs[0].shape;
    if (made.size() != 4) throw Malformed(input.name + ": expected a graph of control images that gives four axes");
    const Dimension &channels = made[1];
    return {std::nullopt, channels.symbol.empty() ? std::optional(channels.number) : std::nullopt, std::nullopt,
            std::nullopt};
  }
  if (std::holds_alternative<FromLabels>(input.source)) return {std::nullopt};
  if (std::holds_alternative<FromMask>(input.source)) return {std::nullopt, 1, std::nullopt, std::nullopt};
  if (std::holds_alternative<FromMaskedImage>(input.source)) return state_of(manifest);
  if (std::holds_alternative<FromControlScales>(input.source)) {
    return {static_cast<std::int64_t>(manifest.controls().size())};
  }
  return {std::nullopt, std::nullopt};
}

void check_feature(const Manifest &manifest, const GraphSpec &graph, const std::string &feature) {
  const TensorSpec &taken = graph.input(feature);
  const TensorSpec &made = manifest.deep().output(feature);
  if (taken.dtype != made.dtype || !(taken.shape == made.shape)) {
    throw Malformed(join("takes ", described(taken), ", but the deep pass makes ", described(made)));
  }
  check(taken, {std::nullopt, std::nullopt, std::nullopt, std::nullopt}, {manifest.features()});
}

// One timestep for all rows, or as many as the caller likes.
Wanted timesteps_of(const GraphSpec &graph, const std::string &name) {
  for (const TensorSpec &tensor : graph.inputs) {
    if (tensor.name == name && tensor.shape == std::vector<Dimension>{{0, timesteps, 1, 1}}) return {std::nullopt};
  }
  return {1};
}

void check_denoiser(const Manifest &manifest, const GraphSpec &graph, const std::string &feature) {
  const Denoiser &denoiser = manifest.denoiser;
  std::map<std::string, Wanted> known = {{denoiser.sample, state_of(manifest)},
                                         {denoiser.timestep, timesteps_of(graph, denoiser.timestep)}};
  for (const Input &input : denoiser.inputs) known[input.name] = wanted_of(manifest, input);
  if (feature.empty()) {
    graph.input(denoiser.sample);
    for (const Input &input : denoiser.inputs) graph.input(input.name);
  } else {
    check_feature(manifest, graph, feature);
  }
  for (const TensorSpec &tensor : graph.inputs) {
    const auto found = known.find(tensor.name);
    if (found != known.end()) {
      check(tensor, found->second);
    } else if (tensor.name != feature) {
      throw Malformed(join("takes ", tensor.name, ", which the loop does not have"));
    }
  }
  check(graph.output(denoiser.noise), state_of(manifest));
}

void check_role(const Manifest &manifest, const std::string &name, const Role &role) {
  const GraphSpec &graph = manifest.graph(name);
  const Wanted pixels = {std::nullopt, colours, std::nullopt, std::nullopt};
  if (role.part == Part::text) {
    check_text(manifest, name);
  } else if (role.part == Part::control) {
    check_one_input(graph, pixels);
    check(graph.outputs[0], {std::nullopt, std::nullopt, std::nullopt, std::nullopt});
  } else if (role.part == Part::decoder) {
    check_one_input(graph, state_of(manifest));
    check(graph.outputs[0], pixels);
  } else if (role.part == Part::encoder) {
    check_one_input(graph, pixels);
    const std::int64_t parts = manifest.encoder->gives_moments ? 2 : 1;
    check(graph.outputs[0], {std::nullopt, parts * manifest.state.channels, std::nullopt, std::nullopt});
  } else {
    const bool is_deep = role.part == Part::deep;
    check_denoiser(manifest, graph, is_deep ? "" : manifest.denoiser.shallow.at(role.branch).feature);
  }
}

}  // namespace

void check_contract(const Manifest &manifest) {
  const Sizes sizes = own_sizes(manifest);
  for (const auto &[name, role] : manifest.roles()) {
    try {
      check_tensors(manifest.graph(name), sizes);
      check_role(manifest, name, role);
    } catch (const std::runtime_error &error) {
      throw Malformed(join("graphs.", name, ": ", error.what(), ": export the bundle again"));
    }
  }
}

}  // namespace accel::core
