// Whether the parts of a manifest fit each other. Each complaint begins with a key.
#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "manifest/manifest.hpp"

namespace accel::core {
namespace {

constexpr std::size_t longest_path = 1000;

bool has(const std::vector<TensorSpec> &tensors, const std::string &name) {
  return std::any_of(tensors.begin(), tensors.end(), [&](const TensorSpec &tensor) { return tensor.name == name; });
}

// Every key that gives a graph a role, and the graph.
std::map<std::string, std::string> named_graphs(const Manifest &manifest) {
  std::map<std::string, std::string> named;
  for (const auto &[name, text] : manifest.texts) named["texts." + name] = name;
  for (const std::string &name : manifest.controls()) named["denoiser.inputs: " + name] = name;
  named["denoiser.deep"] = manifest.denoiser.deep;
  for (const auto &[branch, cut] : manifest.denoiser.shallow) {
    named[join("denoiser.shallow.", branch, ".graph")] = cut.graph;
  }
  named.insert(manifest.denoiser.others.begin(), manifest.denoiser.others.end());
  if (manifest.decoder) named["decoder.graph"] = manifest.decoder->graph;
  if (manifest.encoder) named["encoder.graph"] = manifest.encoder->graph;
  return named;
}

void check_roles(const Manifest &manifest) {
  std::map<std::string, int> counts;
  for (const auto &[name, graph] : manifest.graphs) counts[name] = 0;
  for (const auto &[key, name] : named_graphs(manifest)) {
    if (manifest.graphs.count(name) == 0) throw Malformed(join(key, ": no graph '", name, "' under `graphs`"));
    ++counts[name];
  }
  for (const auto &[name, count] : counts) {
    if (count != 1) throw Malformed(join("graphs.", name, ": expected one role for it, got ", count));
  }
  for (const auto &[branch, cut] : manifest.denoiser.shallow) {
    const std::string key = join("denoiser.shallow.", branch, ".feature: the ");
    if (!has(manifest.deep().outputs, cut.feature))
      throw Malformed(key + "deep graph has no output '" + cut.feature + "'");
    if (!has(manifest.graph(cut.graph).inputs, cut.feature)) {
      throw Malformed(key + "shallow graph has no input '" + cut.feature + "'");
    }
  }
}

void check_text_outputs(const std::string &key, const std::vector<TextOutput> &outputs, const Manifest &manifest) {
  for (std::size_t at = 0; at < outputs.size(); ++at) {
    const auto &[encoder, tensor] = outputs[at];
    if (manifest.texts.count(encoder) == 0) {
      throw Malformed(join(key, "[", at, "].encoder: no text encoder '", encoder, "' under `texts`"));
    }
    if (!has(manifest.graph(encoder).outputs, tensor)) {
      throw Malformed(join(key, "[", at, "].tensor: ", encoder, " has no output '", tensor, "'"));
    }
  }
}

std::size_t count_of_scales(const Manifest &manifest) {
  const auto &inputs = manifest.denoiser.inputs;
  return static_cast<std::size_t>(std::count_if(inputs.begin(), inputs.end(), [](const Input &input) {
    return std::holds_alternative<FromControlScales>(input.source);
  }));
}

void check_inputs(const Manifest &manifest) {
  std::multiset<std::string> names = {manifest.denoiser.sample, manifest.denoiser.timestep};
  for (const Input &input : manifest.denoiser.inputs) names.insert(input.name);
  std::size_t told = 0;
  for (std::size_t at = 0; at < manifest.denoiser.inputs.size(); ++at) {
    const Input &input = manifest.denoiser.inputs[at];
    const std::string key = join("denoiser.inputs[", at, "]");
    if (names.count(input.name) > 1) throw Malformed(join(key, ".name: '", input.name, "' is the name of two inputs"));
    if (const auto *text = std::get_if<FromText>(&input.source)) {
      check_text_outputs(key + ".source.outputs", text->outputs, manifest);
      check_text_outputs(key + ".source.negative_outputs", text->negative_outputs, manifest);
      continue;
    }
    const bool is_sizes = std::holds_alternative<FromSizes>(input.source);
    told += std::holds_alternative<FromGuidance>(input.source) ? 1 : 0;
    if (input.negative == Negative::zeros || (input.negative == Negative::negative && !is_sizes)) {
      throw Malformed(key + ".negative: expected 'same', as it is made of no prompt");
    }
    if (std::holds_alternative<FromMaskedImage>(input.source) && !manifest.encoder) {
      throw Malformed(key + ".source: a masked image needs an `encoder`, got none");
    }
  }
  if ((manifest.denoiser.guidance == GuidanceBy::input) != (told > 0)) {
    throw Malformed(join("denoiser.guidance: does not fit ", told, " inputs made of the guidance"));
  }
  const std::size_t scales = count_of_scales(manifest);
  if (scales != (manifest.controls().empty() ? 0 : 1)) {
    throw Malformed(join("denoiser.inputs: got ", scales, " of control scales for ", manifest.controls().size(),
                         " controls"));
  }
  for (const auto &[name, text] : manifest.texts) {
    if (manifest.text_outputs(name).empty())
      throw Malformed(join("texts.", name, ": no input of the denoiser takes it"));
  }
}

// Whether each graph has a file, and nothing else has.
void check_complete(const std::string &key, const std::map<std::string, std::string> &files, const Manifest &manifest) {
  std::vector<std::string> expected;
  std::vector<std::string> actual;
  for (const auto &[name, spec] : manifest.graphs) expected.push_back(name);
  for (const auto &[name, file] : files) actual.push_back(name);
  if (actual != expected) throw Malformed(join(key, ": expected ", listed(expected), ", got ", listed(actual)));
}

void check_parts(const Manifest &manifest) {
  const State &state = manifest.state;
  if (!manifest.decoder && (state.channels != colours || state.scale != 1)) {
    throw Malformed(join("decoder: expected one, as a state of ", state.channels, " channels is no picture"));
  }
  if (manifest.decoder && manifest.decoder->gives_moments)
    throw Malformed("decoder.gives: expected 'sample', got 'moments'");
  for (const auto &[form, files] : manifest.forms) check_complete("forms." + form, files, manifest);
  for (const auto &[name, file] : manifest.plans) {
    if (!is_plan_name(name)) throw Malformed(join("plans: '", name.substr(0, 60), "' is no name of a plan"));
  }
  if (manifest.schedules.count(manifest.default_scheduler) == 0) {
    throw Malformed(join("schedules.default: no table for '", manifest.default_scheduler, "'"));
  }
}

bool is_plain(const std::string &path) {
  if (path.empty() || path.size() > longest_path || path.front() == '/' || path.back() == '/') return false;
  std::string part;
  for (const char character : path + "/") {
    const auto code = static_cast<unsigned char>(character);
    if (code < 0x20 || code == 0x7f || character == '\\' || character == ':') return false;
    if (character != '/') {
      part += character;
      continue;
    }
    if (part.empty() || part == "." || part == "..") return false;
    part.clear();
  }
  return true;
}

bool ends_with(const std::string &text, const std::string &ending) {
  return text.size() >= ending.size() && text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
}

void check_listed(const Manifest &manifest, const std::string &key, const std::string &path,
                  const std::string &ending) {
  if (manifest.files.count(path) == 0) throw Malformed(join(key, ": '", path, "' is not listed under `files`"));
  if (!ends_with(path, ending))
    throw Malformed(join(key, ": expected a name that ends in ", ending, ", got '", path, "'"));
}

void check_files(const Manifest &manifest) {
  for (const auto &[path, file] : manifest.files) {
    if (!is_plain(path)) throw Malformed(join("files: '", path, "' must be a plain relative path inside the bundle"));
  }
  for (const auto &[name, graph] : manifest.graphs)
    check_listed(manifest, "graphs." + name + ".file", graph.file, ".onnx");
  for (const auto &[form, files] : manifest.forms) {
    for (const auto &[name, path] : files) {
      check_listed(manifest, join("forms.", form, ".", name, ".file"), path, ".onnx");
    }
  }
  for (const auto &[name, path] : manifest.schedules) check_listed(manifest, "schedules.files." + name, path, "");
  for (const auto &[name, path] : manifest.plans) check_listed(manifest, "plans." + name, path, ".json");
  for (const auto &[name, text] : manifest.texts) {
    check_listed(manifest, "texts." + name + ".tokenizer", text.tokenizer, "");
    if (text.table) check_listed(manifest, "texts." + name + ".table", *text.table, "");
  }
  for (const auto &[key, path] : manifest.references) check_listed(manifest, key, path, "");
}

}  // namespace

void check_manifest(const Manifest &manifest) {
  check_roles(manifest);
  check_inputs(manifest);
  check_parts(manifest);
  check_files(manifest);
}

}  // namespace accel::core
