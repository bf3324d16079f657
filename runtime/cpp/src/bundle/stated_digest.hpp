// The digest of a manifest in the file beside it, as `sha256sum` writes it.
#pragma once

#include <string>
#include <vector>

namespace accel::core {

// What the file says: two digests while one manifest replaces another, none without the file. Raises a `BundleError`
// where it is of another form.
std::vector<std::string> stated_digests(const std::string &path);

}  // namespace accel::core
