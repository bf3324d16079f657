#include "steering.hpp"

#include <algorithm>
#include <stdexcept>

#include "png.hpp"

namespace tool {
namespace {

// diffusers' defaults.
constexpr double usual_strength = 0.8;
constexpr double usual_strength_of_masks = 1.0;
// The least level that draws anew.
constexpr std::uint8_t white = 128;

void check_start(const Arguments &arguments) {
  if (!arguments.image.empty()) return;
  if (!arguments.mask.empty()) throw std::invalid_argument("--mask is for --image: add the picture to start from");
  if (arguments.strength) throw std::invalid_argument("--strength is for --image: add the picture to start from");
}

// The number for each control image.
std::vector<double> spread(const std::string &name, const std::vector<double> &given, std::size_t count, double usual) {
  if (given.empty()) return std::vector<double>(count, usual);
  if (count == 0) throw std::invalid_argument(name + " is for --control: add the control image");
  if (given.size() == 1) return std::vector<double>(count, given.front());
  if (given.size() == count) return given;
  throw std::invalid_argument(name + ": expected 1 number, or " + std::to_string(count) +
                              " for as many control images, got " + std::to_string(given.size()));
}

}  // namespace

void set_start(accel::Request &request, const Arguments &arguments) {
  check_start(arguments);
  if (arguments.image.empty()) return;
  const double usual = arguments.mask.empty() ? usual_strength : usual_strength_of_masks;
  const Picture picture = read_png(arguments.image);
  request.image(picture.pixels.data(), 1, picture.height, picture.width, arguments.strength.value_or(usual));
  if (arguments.mask.empty()) return;
  const Levels mask = grey(read_png(arguments.mask));
  if (std::none_of(mask.levels.begin(), mask.levels.end(), [](std::uint8_t level) { return level >= white; })) {
    throw std::runtime_error(arguments.mask +
                             ": expected a mask with white where the picture is to be drawn anew, got none");
  }
  request.mask(mask.levels.data(), 1, mask.height, mask.width);
}

void add_controls(accel::Request &request, const Arguments &arguments) {
  const std::size_t count = arguments.controls.size();
  const auto scales = spread("--control-scale", arguments.control_scales, count, 1);
  const auto starts = spread("--control-start", arguments.control_starts, count, 0);
  const auto ends = spread("--control-end", arguments.control_ends, count, 1);
  for (std::size_t at = 0; at < count; ++at) {
    const Picture picture = read_png(arguments.controls[at]);
    request.control({sizeof(accel_control), picture.pixels.data(), 1, picture.height, picture.width, scales[at],
                     starts[at], ends[at]});
  }
}

}  // namespace tool
