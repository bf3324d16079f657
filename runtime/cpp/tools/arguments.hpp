// The command line of accel-run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tool {

struct Arguments {
  std::string bundle;
  std::string prompt;
  std::string negative;
  std::string output = "image.png";
  std::string plan = "full";
  std::optional<std::string> scheduler;
  std::optional<std::int32_t> steps;
  std::optional<std::int32_t> branch;
  std::optional<std::string> forecast;
  std::optional<double> guidance;
  std::optional<std::int64_t> label;
  std::uint64_t seed = 0;
  std::optional<std::int32_t> height;
  std::optional<std::int32_t> width;
  std::string image;
  std::string mask;
  std::optional<double> strength;
  // Files, and numbers of which there are none, one for all, or one for each file.
  std::vector<std::string> controls;
  std::vector<double> control_scales;
  std::vector<double> control_starts;
  std::vector<double> control_ends;
  std::string library;
  std::string provider = "cpu";
  std::vector<std::pair<std::string, std::string>> options;
  std::string form;
  std::int32_t threads = 0;
  std::optional<bool> low_memory;  // what suits the model where it is not said
  bool trusts_weights = false;
  bool is_quiet = false;
};

// What to print for --help.
extern const char *const help;

// Nothing where help was asked for. Raises a `std::invalid_argument` with one line.
std::optional<Arguments> parse_arguments(int count, char **texts);

}  // namespace tool
