// What the denoiser is given beside sample and timestep: one function for each source of an input.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/array.hpp"
#include "request.hpp"

namespace accel::core {

// Text encoder's graph and prompt → its outputs by name: [L, D], or [D] where pooled.
using Encode = std::function<std::map<std::string, Array>(const std::string &, const std::string &)>;

// Values by input name: the rows of the negative half first, where some call is guided, then one row per image.
using Conditioning = std::map<std::string, Array>;

// What a plan says of the guidance of a request.
struct Guided {
  bool by_halves = false;       // whether some call runs a negative half
  std::optional<double> scale;  // for models that take it as an input
};

Conditioning condition(const Request &request, const Manifest &manifest, const OutputShape &shape, const Encode &encode,
                       const Guided &guided);

}  // namespace accel::core
