// From the bytes of `accel.json` to a `Manifest`: every key is known, and every value of its type and in its range.
#include "base/digits.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "manifest/manifest.hpp"

namespace accel::core {
namespace {

constexpr std::int64_t schema_version = 2;
// The ranges of accel_runtime.manifest.basics.
constexpr std::int64_t most_count = INT64_MAX;
constexpr std::int64_t most_extent = INT32_MAX;
constexpr std::int64_t most_few = 1 << 16;
constexpr double most_number = 1e300;
constexpr std::int64_t most_classes = 1 << 24;

Dimension read_dimension(const Json &json) {
  if (!json.is_text()) return {json.integer(1, most_extent), "", 1, 1};
  const auto dimension = parse_dimension(json.text());
  if (!dimension) json.refuse("expected a number or a term such as 4*latent_height");
  return *dimension;
}

std::vector<TensorSpec> read_tensors(const Json &json) {
  std::vector<TensorSpec> all;
  for (const Json &each : json.elements(1, 64)) {
    each.only({"name", "dtype", "shape"});
    const std::string dtype = each.at("dtype").word({"float32", "float16", "bfloat16", "int64", "int32"});
    TensorSpec tensor{each.at("name").text(), parse_dtype(dtype), {}};
    for (const Json &dimension : each.at("shape").elements(0, 8)) tensor.shape.push_back(read_dimension(dimension));
    all.push_back(tensor);
  }
  return all;
}

GraphSpec read_graph(const Json &json) {
  json.only({"file", "inputs", "outputs", "parameters", "flops", "relative_error"});
  json.at("flops").integer(1, most_count);
  json.at("relative_error").number(0, most_number);
  return {json.at("file").text(), read_tensors(json.at("inputs")), read_tensors(json.at("outputs")),
          json.at("parameters").integer(1, most_count)};
}

State read_state(const Json &json) {
  json.only({"channels", "scale", "sample_size", "multiple"});
  const auto size = json.at("sample_size").elements(2, 2);
  return {json.at("channels").integer(1, most_few), json.at("scale").integer(1, most_few),
          size[0].integer(1, longest_side), size[1].integer(1, longest_side),
          json.at("multiple").integer(1, longest_side)};
}

std::vector<TextOutput> read_text_outputs(const std::vector<Json> &all) {
  std::vector<TextOutput> outputs;
  for (const Json &each : all) {
    each.only({"encoder", "tensor"});
    outputs.push_back({each.at("encoder").text(), each.at("tensor").text()});
  }
  return outputs;
}

FromText read_text_source(const Json &json) {
  json.only({"from", "outputs", "negative_outputs"});
  FromText source;
  source.outputs = read_text_outputs(json.at("outputs").elements(1, 8));
  if (const auto negative = json.find("negative_outputs")) {
    source.negative_outputs = read_text_outputs(negative->elements(0, 8));
  }
  return source;
}

Source read_source(const Json &json) {
  const std::string from = json.at("from").word(
      {"text", "sizes", "guidance", "labels", "mask", "masked_image", "control", "control_scales"});
  if (from == "text") return read_text_source(json);
  if (from == "sizes") {
    json.only({"from", "ends"});
    const auto ends = json.find("ends");
    return FromSizes{ends && ends->word({"target_size", "aesthetic_score"}) == "aesthetic_score"};
  }
  if (from == "labels") {
    json.only({"from", "classes"});
    return FromLabels{json.at("classes").integer(1, most_classes)};
  }
  if (from == "control") {
    json.only({"from", "graph"});
    return FromControl{json.at("graph").text()};
  }
  json.only({"from"});
  if (from == "guidance") return FromGuidance{};
  if (from == "mask") return FromMask{};
  if (from == "masked_image") return FromMaskedImage{};
  return FromControlScales{};
}

Input read_input(const Json &json) {
  json.only({"name", "source", "negative"});
  Input input;
  input.name = json.at("name").text();
  input.source = read_source(json.at("source"));
  if (const auto negative = json.find("negative")) {
    const std::string word = negative->word({"negative", "same", "zeros"});
    input.negative = word == "same" ? Negative::same : word == "zeros" ? Negative::zeros : Negative::negative;
  }
  return input;
}

std::int64_t read_branch(const std::string &name, const Json &cut) {
  const auto branch = parse_digits(name, 4);
  if (!branch) cut.refuse("expected a branch of 0 to 9999 as key");
  return static_cast<std::int64_t>(*branch);
}

// Graphs that merge tokens, by the key that gives each its role.
std::map<std::string, std::string> read_merged(const Json &json) {
  std::map<std::string, std::string> merged;
  json.each_member(100, [&](const std::string &ratio, const Json &graphs) {
    graphs.only({"deep", "shallow"});
    const std::string key = "denoiser.tome." + ratio;
    merged[key + ".deep"] = graphs.at("deep").text();
    graphs.at("shallow").each_member(1000, [&](const std::string &branch, const Json &graph) {
      merged[key + ".shallow." + branch] = graph.text();
    });
  });
  return merged;
}

void read_gated(const Json &json, std::map<std::string, std::string> &others) {
  json.only({"keeps", "deep", "shallow", "kept"});
  for (const char *part : {"keeps", "deep"}) others[std::string("denoiser.tgate.") + part] = json.at(part).text();
  json.at("shallow").each_member(1000, [&](const std::string &branch, const Json &graph) {
    others["denoiser.tgate.shallow." + branch] = graph.text();
  });
  for (const Json &tensor : json.at("kept").elements(1, 1000)) tensor.text();
}

Denoiser read_denoiser(const Json &json) {
  json.only({"deep", "shallow", "inputs", "guidance", "sample", "timestep", "noise", "tome", "tgate"});
  Denoiser denoiser;
  denoiser.deep = json.at("deep").text();
  json.at("shallow").each_member(1000, [&](const std::string &name, const Json &cut) {
    cut.only({"graph", "feature"});
    denoiser.shallow[read_branch(name, cut)] = {cut.at("graph").text(), cut.at("feature").text()};
  });
  if (const auto tome = json.find("tome")) denoiser.others = read_merged(*tome);
  if (const auto tgate = json.find("tgate")) read_gated(*tgate, denoiser.others);
  if (const auto inputs = json.find("inputs")) {
    for (const Json &each : inputs->elements(0, 32)) denoiser.inputs.push_back(read_input(each));
  }
  if (const auto guidance = json.find("guidance")) {
    const std::string word = guidance->word({"halves", "input", "none"});
    denoiser.guidance = word == "halves" ? GuidanceBy::halves : word == "input" ? GuidanceBy::input : GuidanceBy::none;
  }
  if (const auto name = json.find("sample")) denoiser.sample = name->text();
  if (const auto name = json.find("timestep")) denoiser.timestep = name->text();
  if (const auto name = json.find("noise")) denoiser.noise = name->text();
  return denoiser;
}

TextSpec read_text(const Json &json) {
  json.only({"tokenizer", "table", "max_length", "pad_id"});
  TextSpec text;
  text.tokenizer = json.at("tokenizer").text();
  const Json table = json.at("table");
  if (!table.is_null()) text.table = table.text();
  text.max_length = json.at("max_length").integer(2, most_few);
  text.pad_id = json.at("pad_id").integer(0, INT32_MAX);
  return text;
}

std::optional<Codec> read_codec(const Json &json) {
  if (json.is_null()) return std::nullopt;
  json.only({"graph", "scale", "shift", "gives"});
  Codec codec;
  codec.graph = json.at("graph").text();
  if (const auto scale = json.find("scale")) codec.scale = scale->number(1e-6, 1e6);
  if (const auto shift = json.find("shift")) codec.shift = shift->number(-1e6, 1e6);
  if (const auto gives = json.find("gives")) codec.gives_moments = gives->word({"sample", "moments"}) == "moments";
  return codec;
}

std::map<std::string, std::string> read_texts_by_name(const Json &json, std::size_t most) {
  std::map<std::string, std::string> all;
  json.each_member(most, [&](const std::string &name, const Json &text) { all[name] = text.text(); });
  return all;
}

// What changed the model: its graphs hold that already, and its tokenizer's table the words.
void read_adaptations(const Json &json) {
  for (const Json &each : json.elements(0, 1000)) {
    each.only({"kind", "name", "sha256", "scale", "words"});
    each.at("kind").word({"lora", "embedding", "vae"});
    each.at("name").text();
    each.at("sha256").sha256();
  }
}

void read_provenance(const Json &json, Manifest &manifest) {
  json.only({"source", "pipeline_class", "revision", "weights", "seed", "packages", "options", "model", "adaptations"});
  json.at("source").text();
  manifest.pipeline_class = json.at("pipeline_class").text();
  json.at("weights").word({"trained", "random"});
  for (const char *key : {"revision", "seed"}) json.at(key);
  read_texts_by_name(json.at("packages"), 10000);
  json.at("options").each_member(10000, [](const std::string &, const Json &) {});
  if (const auto adaptations = json.find("adaptations")) read_adaptations(*adaptations);
  const auto model = json.find("model");
  if (model && !model->is_null()) manifest.model = model->sha256();
}

// Graphs that this runtime does not run are files all the same, and must be listed.
void read_other_graphs(const Json &json, Manifest &manifest) {
  const auto loop = json.find("loop");
  if (loop && !loop->is_null()) {
    loop->only(
        {"advance_guided", "advance_unguided", "advance_plain", "forecast_2", "forecast_3", "pixels", "version"});
    loop->each_member(7, [&](const std::string &name, const Json &value) {
      if (name == "version") {
        value.integer(1, most_few);
      } else if (!value.is_null()) {
        manifest.references["loop." + name] = value.text();
      }
    });
  }
  const auto inductor = json.find("inductor");
  if (inductor && !inductor->is_null()) {
    inductor->only({"device", "torch", "graphs"});
    inductor->at("graphs").each_member(1000, [&](const std::string &, const Json &graph) {
      graph.only({"file", "weights", "relative_error"});
      manifest.references[graph.key() + ".file"] = graph.at("file").text();
      manifest.references[graph.key() + ".weights"] = graph.at("weights").text();
    });
  }
  if (const auto forms = json.find("forms")) {
    forms->only({"fused", "attention", "native"});
    forms->each_member(3, [&](const std::string &name, const Json &form) {
      auto &files = manifest.forms[name];
      form.each_member(1000, [&](const std::string &of, const Json &graph) {
        graph.only({"file", "relative_error", "checked"});
        files[of] = graph.at("file").text();
      });
    });
  }
}

// Which layers are in int8 is the graphs' own affair.
void read_int8(const Json &json) {
  json.only({"kind", "layers", "kept", "psnr"});
  json.at("kind").word({"mixed", "weights"});
  for (const char *key : {"layers", "kept"}) {
    for (const Json &name : json.at(key).elements(0, 100000)) name.text();
  }
  const Json psnr = json.at("psnr");
  if (!psnr.is_null()) psnr.number(0, 1e300);
}

void read_files(const Json &json, Manifest &manifest) {
  json.at("files").each_member(100000, [&](const std::string &path, const Json &file) {
    file.only({"size", "sha256"});
    manifest.files[path] = {file.at("size").integer(0, most_count), file.at("sha256").sha256()};
  });
  const Json schedules = json.at("schedules");
  schedules.only({"default", "files"});
  manifest.default_scheduler = schedules.at("default").text();
  manifest.schedules = read_texts_by_name(schedules.at("files"), 10000);
  if (const auto plans = json.find("plans")) manifest.plans = read_texts_by_name(*plans, 1000);
}

Manifest read_root(const Json &json) {
  const std::int64_t version = json.at("schema_version").integer(INT64_MIN, INT64_MAX);
  if (version != schema_version) {
    json.at("schema_version")
        .refuse(join("expected ", schema_version, ", got ", version,
                     ": export the bundle again with this version of accel"));
  }
  json.only({"schema_version", "dtype", "state", "graphs", "denoiser", "texts", "encoder", "decoder", "schedules",
             "files", "provenance", "loop", "inductor", "forms", "plans", "codec_dtype", "plan_figures", "int8"});
  Manifest manifest;
  manifest.dtype = json.at("dtype").word({"float32", "float16", "bfloat16"});
  if (const auto codecs = json.find("codec_dtype")) codecs->word({"float32", "float16"});
  const auto int8 = json.find("int8");
  if (int8 && !int8->is_null()) read_int8(*int8);
  manifest.state = read_state(json.at("state"));
  json.at("graphs").each_member(
      1000, [&](const std::string &name, const Json &graph) { manifest.graphs[name] = read_graph(graph); });
  manifest.denoiser = read_denoiser(json.at("denoiser"));
  json.at("texts").each_member(
      8, [&](const std::string &name, const Json &text) { manifest.texts[name] = read_text(text); });
  manifest.encoder = read_codec(json.at("encoder"));
  manifest.decoder = read_codec(json.at("decoder"));
  read_files(json, manifest);
  read_provenance(json.at("provenance"), manifest);
  read_other_graphs(json, manifest);
  return manifest;
}

}  // namespace

Manifest parse_manifest(const std::string &raw, const std::string &path) {
  try {
    const JsonDocument document(raw);
    Manifest manifest = read_root(document.root());
    check_manifest(manifest);
    return manifest;
  } catch (const Malformed &error) {
    throw BundleError(join(path, ": ", error.what()));
  }
}

}  // namespace accel::core
