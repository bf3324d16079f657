// The open dimensions of a graph: from symbols such as `latent_height/2` to numbers.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/array.hpp"
#include "manifest/manifest.hpp"

namespace accel::core {

using Sizes = std::map<std::string, std::int64_t>;

// How many timesteps a call of the denoiser is given: one for all rows, or one for each. This loop gives one.
constexpr const char *timesteps = "timesteps";

// Numbers for a shape of the manifest. Raises a `BundleError` where a symbol has no size.
Shape resolve(const std::vector<Dimension> &shape, const Sizes &sizes);

// Each symbol of a bundle's graphs for one guided image of the model's own size.
Sizes own_sizes(const Manifest &manifest);

// Holds a shape against what the graph accepts; returns the number of each symbol that the input's shape names.
// Raises an `InputError` where the graph is fixed to another size.
Sizes check_input(const GraphSpec &graph, const std::string &name, const Shape &shape);

}  // namespace accel::core
