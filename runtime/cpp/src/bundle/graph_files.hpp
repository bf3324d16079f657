// A bundle's graphs held against its manifest: which files they read, and what they take and give. Nothing is loaded.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "manifest/manifest.hpp"

namespace accel::core {

// Looks into every ONNX file that the manifest lists; gives, by graph, the other files that it reads. `read` gives the
// bytes of a file of the bundle. Raises a `BundleError` where a graph is none, reads what it may not, or is not what
// the manifest says; names the file.
std::map<std::string, std::vector<std::string>> check_graph_files(
    const Manifest &manifest, const std::string &folder, const std::function<std::string(const std::string &)> &read);

}  // namespace accel::core
