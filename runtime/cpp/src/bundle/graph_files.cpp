#include "bundle/graph_files.hpp"

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "bundle/onnx_file.hpp"

namespace accel::core {
namespace {

// The path in the bundle of what a graph refers to, which is listed and that long.
std::string listed_path(const std::string &graph, const ExternalData &external, const Manifest &manifest) {
  const std::size_t slash = graph.rfind('/');
  // A path that climbs, or is absolute, cannot be among the manifest's, which are plain.
  const std::string path = (slash == std::string::npos ? "" : graph.substr(0, slash + 1)) + external.location;
  const auto found = manifest.files.find(path);
  if (external.location.empty() || found == manifest.files.end()) {
    throw Malformed(join("reads '", external.location.substr(0, 100), "', which the manifest does not list"));
  }
  if (!external.length) throw Malformed("does not say how many bytes it reads of " + path);
  const auto size = static_cast<std::uint64_t>(found->second.size);
  if (external.offset > size || *external.length > size - external.offset) {
    throw Malformed(join("reads ", path, " beyond its ", size, " bytes"));
  }
  return path;
}

void check_ports(const char *kind, const std::vector<Port> &ports, const std::vector<TensorSpec> &tensors) {
  std::map<std::string, std::string> actual;
  for (const Port &port : ports) actual[port.name] = port.dtype + " " + port.shape;
  bool is_same = actual.size() == ports.size() && ports.size() == tensors.size();
  for (const TensorSpec &tensor : tensors) is_same = is_same && actual.count(tensor.name) == 1;
  if (!is_same) throw Malformed(join("has other ", kind, "s than the manifest says"));
  for (const TensorSpec &tensor : tensors) {
    const std::string said = join(name_of(tensor.dtype), " ", shown(tensor.shape));
    if (actual[tensor.name] == said) continue;
    throw Malformed(join(kind, " ", tensor.name, ": the manifest says ", said, ", the graph ", actual[tensor.name]));
  }
}

// Whether a graph is in a file, in any form.
bool holds(const Manifest &manifest, const std::string &file, const std::string &graph) {
  const auto is_of = [&](const auto &form) { return form.second.at(graph) == file; };
  return manifest.graph(graph).file == file || std::any_of(manifest.forms.begin(), manifest.forms.end(), is_of);
}

std::vector<std::string> check_file(const std::string &file, const std::string &data, const Manifest &manifest) {
  const OnnxFile graph = parse_onnx(data);
  std::set<std::string> others;
  for (const ExternalData &external : graph.external) others.insert(listed_path(file, external, manifest));
  for (const auto &[name, spec] : manifest.graphs) {
    if (!holds(manifest, file, name)) continue;
    check_ports("input", graph.inputs, spec.inputs);
    check_ports("output", graph.outputs, spec.outputs);
  }
  return {others.begin(), others.end()};
}

}  // namespace

std::map<std::string, std::vector<std::string>> check_graph_files(
    const Manifest &manifest, const std::string &folder, const std::function<std::string(const std::string &)> &read) {
  std::map<std::string, std::vector<std::string>> reads;
  for (const auto &[file, spec] : manifest.files) {
    if (file.size() < 5 || file.compare(file.size() - 5, 5, ".onnx") != 0) continue;
    try {
      reads[file] = check_file(file, read(file), manifest);
    } catch (const Malformed &error) {
      throw BundleError(join(folder, "/", file, ": ", error.what(), ": export the bundle again"));
    }
  }
  return reads;
}

}  // namespace accel::core
