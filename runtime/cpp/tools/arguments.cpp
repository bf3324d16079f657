#include "arguments.hpp"

#include <charconv>
#include <cstdlib>
#include <functional>
#include <map>
#include <stdexcept>
#include <string_view>

namespace tool {

const char *const help =
    "usage: accel-run BUNDLE PROMPT [options]\n"
    "\n"
    "Draws a picture from a bundle of accel, without Python.\n"
    "\n"
    "  -o, --output FILE      PNG to write (image.png)\n"
    "  --negative TEXT        negative prompt\n"
    "  --plan PLAN            full, every:N, calls:0,3,7, a plan of the bundle, or a plan.json (full)\n"
    "  --scheduler NAME       scheduler of the bundle (the bundle's default)\n"
    "  --steps N              denoising steps (20, or the plan's)\n"
    "  --branch K             where shallow calls cut the UNet (0)\n"
    "  --forecast NAME        hold, linear or quadratic (hold)\n"
    "  --guidance SCALE       classifier-free guidance (7.5, or 1 of a model that is never guided)\n"
    "  --seed N               seed of the noise (0)\n"
    "  --height N, --width N  pixels (the bundle's own size)\n"
    "  --image FILE           PNG to start from, of the picture's size\n"
    "  --mask FILE            PNG, white where the image is drawn anew; the rest of it stays\n"
    "  --strength SHARE       share of the schedule that is run from an image (0.8, with --mask 1)\n"
    "  --control FILE         control image for the next ControlNet, of the picture's size; repeated for several\n"
    "  --control-scale N      how strong control is (1); once, or for each image\n"
    "  --control-start SHARE  share of the calls after which it begins (0); once, or for each image\n"
    "  --control-end SHARE    share of the calls after which it ends (1); once, or for each image\n"
    "  --class N              class to draw, of models that draw classes; their PROMPT is empty\n"
    "  --ort FILE             library of ONNX Runtime or OpenVINO (what the linker finds; or $ACCEL_ORT_LIBRARY)\n"
    "  --provider NAME        cpu, cuda, rocm, migraphx, tensorrt, ort-openvino, webgpu; openvino[:DEVICE][:f32] (cpu)\n"
    "  --provider-option K=V  option of the provider; may be repeated\n"
    "  --form NAME            plain, fused, attention or native graphs (what suits the provider best)\n"
    "  --threads N            threads inside an operator\n"
    "  --low-memory           load each graph only while it is used, and draw image by image (large models on cpu)\n"
    "  --keep-loaded          keep all graphs loaded instead\n"
    "  --trust-weights        look at the sizes of weights, not at their hashes\n"
    "  -q, --quiet            print nothing\n"
    "  --version              versions of the library and its interface\n";

namespace {

template <typename Number>
Number number_of(const std::string &name, const std::string &text) {
  Number number = {};
  const char *end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc() || stop != end)
    throw std::invalid_argument(name + ": expected a number, got '" + text + "'");
  return number;
}

using Setter = std::function<void(Arguments &, const std::string &)>;

template <typename Field>
Setter text(Field field) {
  return [field](Arguments &arguments, const std::string &value) { arguments.*field = value; };
}

template <typename Number, typename Field>
Setter number(const char *name, Field field) {
  return [name, field](Arguments &arguments, const std::string &value) {
    arguments.*field = number_of<Number>(name, value);
  };
}

// What may be said several times.
Setter another(std::vector<std::string> Arguments::*field) {
  return [field](Arguments &arguments, const std::string &value) { (arguments.*field).push_back(value); };
}

Setter another_number(const char *name, std::vector<double> Arguments::*field) {
  return [name, field](Arguments &arguments, const std::string &value) {
    (arguments.*field).push_back(number_of<double>(name, value));
  };
}

void add_option(Arguments &arguments, const std::string &value) {
  const std::size_t sign = value.find('=');
  if (sign == std::string::npos)
    throw std::invalid_argument("--provider-option: expected NAME=VALUE, got '" + value + "'");
  arguments.options.emplace_back(value.substr(0, sign), value.substr(sign + 1));
}

std::map<std::string, Setter> setters() {
  return {{"--output", text(&Arguments::output)},
          {"-o", text(&Arguments::output)},
          {"--negative", text(&Arguments::negative)},
          {"--plan", text(&Arguments::plan)},
          {"--scheduler", text(&Arguments::scheduler)},
          {"--forecast", text(&Arguments::forecast)},
          {"--image", text(&Arguments::image)},
          {"--mask", text(&Arguments::mask)},
          {"--control", another(&Arguments::controls)},
          {"--control-scale", another_number("--control-scale", &Arguments::control_scales)},
          {"--control-start", another_number("--control-start", &Arguments::control_starts)},
          {"--control-end", another_number("--control-end", &Arguments::control_ends)},
          {"--ort", text(&Arguments::library)},
          {"--provider", text(&Arguments::provider)},
          {"--provider-option", add_option},
          {"--form", text(&Arguments::form)},
          {"--steps", number<std::int32_t>("--steps", &Arguments::steps)},
          {"--branch", number<std::int32_t>("--branch", &Arguments::branch)},
          {"--height", number<std::int32_t>("--height", &Arguments::height)},
          {"--width", number<std::int32_t>("--width", &Arguments::width)},
          {"--threads", number<std::int32_t>("--threads", &Arguments::threads)},
          {"--seed", number<std::uint64_t>("--seed", &Arguments::seed)},
          {"--class", number<std::int64_t>("--class", &Arguments::label)},
          {"--guidance", number<double>("--guidance", &Arguments::guidance)},
          {"--strength", number<double>("--strength", &Arguments::strength)}};
}

}  // namespace

std::optional<Arguments> parse_arguments(int count, char **texts) {
  Arguments arguments;
  if (const char *library = std::getenv("ACCEL_ORT_LIBRARY")) arguments.library = library;
  const auto known = setters();
  std::vector<std::string> places;
  for (int at = 1; at < count; ++at) {
    const std::string argument = texts[at];
    const auto setter = known.find(argument);
    if (argument == "--help" || argument == "-h") return std::nullopt;
    if (setter != known.end()) {
      if (++at == count) throw std::invalid_argument(argument + ": expected a value behind it");
      setter->second(arguments, texts[at]);
    } else if (argument == "--trust-weights") {
      arguments.trusts_weights = true;
    } else if (argument == "--low-memory" || argument == "--keep-loaded") {
      arguments.low_memory = argument == "--low-memory";
    } else if (argument == "-q" || argument == "--quiet") {
      arguments.is_quiet = true;
    } else if (argument.size() > 1 && argument[0] == '-') {
      throw std::invalid_argument("unknown option " + argument + ": accel-run --help lists them");
    } else {
      places.push_back(argument);
    }
  }
  if (places.size() != 2) throw std::invalid_argument("expected a bundle and a prompt: accel-run --help shows how");
  arguments.bundle = places[0];
  arguments.prompt = places[1];
  return arguments;
}

}  // namespace tool
