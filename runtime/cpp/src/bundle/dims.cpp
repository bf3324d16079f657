#include "bundle/dims.hpp"

#include "base/error.hpp"

namespace accel::core {
namespace {

std::int64_t evaluate(const Dimension &dimension, const Sizes &sizes) {
  if (dimension.symbol.empty()) return dimension.number;
  const auto found = sizes.find(dimension.symbol);
  if (found == sizes.end()) throw BundleError(join("dimension '", shown(dimension), "' cannot be resolved"));
  // Rounded up, as a UNet's downsamplers round.
  return (dimension.times * found->second + dimension.over - 1) / dimension.over;
}

}  // namespace

Shape resolve(const std::vector<Dimension> &shape, const Sizes &sizes) {
  Shape numbers;
  for (const Dimension &dimension : shape) numbers.push_back(evaluate(dimension, sizes));
  return numbers;
}

Sizes own_sizes(const Manifest &manifest) {
  const State &state = manifest.state;
  return {{"batch", 2},
          {"height", state.height},
          {"width", state.width},
          {"latent_height", state.height / state.scale},
          {"latent_width", state.width / state.scale},
          {timesteps, 1}};
}

Sizes check_input(const GraphSpec &graph, const std::string &name, const Shape &shape) {
  const TensorSpec &spec = graph.input(name);
  bool fits = spec.shape.size() == shape.size();
  Sizes sizes;
  for (std::size_t at = 0; fits && at < shape.size(); ++at) {
    const Dimension &dimension = spec.shape[at];
    if (!dimension.symbol.empty()) sizes[shown(dimension)] = shape[at];
    fits = !dimension.symbol.empty() || dimension.number == shape[at];
  }
  if (fits) return sizes;
  throw InputError(join(graph.file, ": input ", name, " takes ", shown(spec.shape), ", got ", shown(shape),
                        ": use the bundle's own size, or export without --static"));
}

}  // namespace accel::core
