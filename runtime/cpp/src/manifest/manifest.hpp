// The manifest `accel.json`: what a bundle holds and what its graphs are for (docs/design/0017-roles.md). A role is the
// only way to find a graph or a tensor: their names mean nothing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace accel::core {

// Of a picture.
inline constexpr std::int64_t colours = 3;
// Pixels. No picture format that people use has longer sides, and no arithmetic with them overflows.
inline constexpr std::int64_t longest_side = 1 << 14;

// A dimension: a number, or a symbol with a factor and a divisor, as in `4*latent_height` and `latent_height/2`.
struct Dimension {
  std::int64_t number = 0;  // 0 where there is a symbol
  std::string symbol;
  std::int64_t times = 1;
  std::int64_t over = 1;

  bool operator==(const Dimension &other) const {
    return number == other.number && symbol == other.symbol && times == other.times && over == other.over;
  }
};

// Nothing where the text is no dimension.
std::optional<Dimension> parse_dimension(const std::string &text);

// As the manifest writes it.
std::string shown(const Dimension &dimension);
std::string shown(const std::vector<Dimension> &shape);

enum class DType { float32, float16, bfloat16, int64, int32 };

// Of a name that is one.
DType parse_dtype(const std::string &text);
const char *name_of(DType dtype);
std::size_t bytes_of(DType dtype);

struct TensorSpec {
  std::string name;
  DType dtype = DType::float32;
  std::vector<Dimension> shape;
};

struct GraphSpec {
  std::string file;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  std::int64_t parameters = 0;

  // Raise a `BundleError` where there is none of that name.
  const TensorSpec &input(const std::string &name) const;
  const TensorSpec &output(const std::string &name) const;
  bool takes(const std::string &name) const;
};

// What the loop denoises: `channels`, and `scale` pixels for each of its cells.
struct State {
  std::int64_t channels = 0;
  std::int64_t scale = 0;
  std::int64_t height = 0;  // that the model was made for, in pixels
  std::int64_t width = 0;
  std::int64_t multiple = 0;  // of pixels, that sizes must be
};

struct TextOutput {
  std::string encoder;
  std::string tensor;
};

// Encoded prompts: outputs of one or several encoders, joined on the last axis. An output of rank 2 is pooled.
struct FromText {
  std::vector<TextOutput> outputs;
  std::vector<TextOutput> negative_outputs;  // of the negative half; empty where they are the same
};

// SDXL's time ids, which end with a target size or an aesthetic score.
struct FromSizes {
  bool ends_with_score = false;
};

// The guidance scale less one, embedded for distilled models.
struct FromGuidance {};

// The number of each image's class.
struct FromLabels {
  std::int64_t classes = 0;  // numbers are less than this
};

// The mask of a picture: 1 where it is drawn anew, 0 where it stays.
struct FromMask {};

// What the encoder makes of the picture with mid grey for all that is drawn anew.
struct FromMaskedImage {};

// What a ControlNet makes of its control image before the first call.
struct FromControl {
  std::string graph;  // makes it of pixels in [0, 1]
};

// The scale of each ControlNet at a call, in the order of their images' inputs.
struct FromControlScales {};

using Source = std::variant<FromText, FromSizes, FromGuidance, FromLabels, FromMask, FromMaskedImage, FromControl,
                            FromControlScales>;

enum class Negative { negative, same, zeros };

// An input of the denoiser beside sample, timestep and feature.
struct Input {
  std::string name;
  Source source;
  Negative negative = Negative::same;
};

// One shallow pass: its graph, and the tensor that the deep graph hands out and it takes in.
struct Cut {
  std::string graph;
  std::string feature;
};

enum class GuidanceBy { halves, input, none };

struct Denoiser {
  std::string deep;
  std::map<std::int64_t, Cut> shallow;
  std::map<std::string, std::string> others;  // graphs that merge tokens or are gated, which only Python runs, by key
  std::vector<Input> inputs;
  GuidanceBy guidance = GuidanceBy::halves;
  std::string sample = "sample";
  std::string timestep = "timestep";
  std::string noise = "out_sample";
};

// How a prompt becomes the ids that a text encoder takes.
struct TextSpec {
  std::string tokenizer;
  std::optional<std::string> table;
  std::int64_t max_length = 0;
  std::int64_t pad_id = 0;
};

// A graph between pixels in [-1, 1] and the state, where the state is `(sample - shift) * scale`.
struct Codec {
  std::string graph;
  double scale = 1;
  double shift = 0;
  bool gives_moments = false;
};

struct FileSpec {
  std::int64_t size = 0;
  std::string sha256;
};

enum class Part { text, control, deep, shallow, decoder, encoder };

struct Role {
  Part part = Part::text;
  std::int64_t branch = 0;  // of a shallow graph
};

struct Manifest {
  std::string dtype;
  State state;
  std::map<std::string, GraphSpec> graphs;
  Denoiser denoiser;
  std::map<std::string, TextSpec> texts;
  std::optional<Codec> encoder;
  std::optional<Codec> decoder;
  std::string default_scheduler;
  std::map<std::string, std::string> schedules;
  // Form other than plain → graph → file.
  std::map<std::string, std::map<std::string, std::string>> forms;
  std::map<std::string, FileSpec> files;
  std::map<std::string, std::string> plans;
  std::map<std::string, std::string> references;  // every key that names a file, and the file
  std::string pipeline_class;
  std::optional<std::string> model;  // hash of the denoiser's weights

  const GraphSpec &graph(const std::string &name) const { return graphs.at(name); }
  // The file of a graph in a form that the bundle has.
  const std::string &file_of(const std::string &name, const std::string &form) const {
    return form == "plain" ? graph(name).file : forms.at(form).at(name);
  }
  const GraphSpec &deep() const { return graphs.at(denoiser.deep); }

  // Every graph's role by its name.
  std::map<std::string, Role> roles() const;
  // The graphs that take control images, one of each ControlNet, in the order of a request's controls.
  std::vector<std::string> controls() const;
  // Whether an input of the denoiser comes from there.
  template <typename From>
  bool takes() const {
    return std::any_of(denoiser.inputs.begin(), denoiser.inputs.end(),
                       [](const Input &input) { return std::holds_alternative<From>(input.source); });
  }
  // The outputs of a text encoder that some input of the denoiser is made of, each once.
  std::vector<std::string> text_outputs(const std::string &encoder) const;
  // The precision of the denoiser's features.
  DType features() const;
};

// Parses the bytes of a manifest. Raises a `BundleError` that names file and key; `path` is only for that.
Manifest parse_manifest(const std::string &raw, const std::string &path);

// Whether the parts fit each other. Raises `Malformed`.
void check_manifest(const Manifest &manifest);

// Whether a plan of a bundle may be called so: up to 40 lower-case letters, digits and -, no word of plans.
bool is_plan_name(const std::string &text);

}  // namespace accel::core
