// What the denoiser is given beside sample and timestep: one function for each source of an input.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/array.hpp"
#include "denoising/inpainting.hpp"
#include "request.hpp"

namespace accel::core {

// Text encoder's graph and prompt → its outputs by name: [L, D], or [D] where pooled.
using Encode = std::function<std::map<std::string, Array>(const std::string &, const std::string &)>;

// Values by input name.
struct Conditioning {
  std::map<std::string, Array> rows;     // the negative half first, where some call is guided, then a row per image
  std::map<std::string, Array> by_call;  // the same for all rows: [calls, …]
};

// What else the calls are told of.
struct Told {
  bool by_halves = false;                  // whether some call runs a negative half
  std::optional<double> guidance;          // for models that take it as an input
  std::size_t calls = 1;                   // control images may begin and end in between
  const Inpainting *inpainting = nullptr;  // what became of the mask; null without one
  const std::map<std::string, Array> *controls = nullptr;  // what `embed_controls` made of the control images
};

Conditioning condition(const Request &request, const Manifest &manifest, const OutputShape &shape, const Encode &encode,
                       const Told &told);

}  // namespace accel::core
