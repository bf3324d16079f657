#include "bundle/stated_digest.hpp"

#include <algorithm>
#include <sstream>

#include "base/error.hpp"
#include "base/files.hpp"

namespace accel::core {
namespace {

constexpr std::uint64_t largest_digests = 4096;
constexpr std::size_t digest_digits = 64;

}  // namespace

std::vector<std::string> stated_digests(const std::string &path) {
  if (!exists(path)) return {};
  std::istringstream lines(read_document(path, Status::bundle, largest_digests));
  lines.exceptions(std::ios::badbit);  // which memory that runs out sets
  std::vector<std::string> digests;
  bool is_sound = true;
  for (std::string line; std::getline(lines, line);) {
    const std::string rest = line.substr(std::min(line.size(), digest_digits));
    const bool is_digest = line.substr(0, digest_digits).find_first_not_of("0123456789abcdef") == std::string::npos;
    is_sound = is_sound && is_digest && (rest == "  accel.json" || rest == " *accel.json");
    digests.push_back(line.substr(0, digest_digits));
  }
  if (is_sound && !digests.empty() && digests.size() <= 2) return digests;
  throw BundleError(path + ": expected one line `HEX  accel.json`, as `sha256sum accel.json` writes it");
}

}  // namespace accel::core
