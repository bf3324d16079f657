#include "bundle/stated_digest.hpp"

#include <regex>
#include <sstream>

#include "base/error.hpp"
#include "base/files.hpp"

namespace accel {
namespace {

constexpr std::uint64_t largest_digests = 4096;

}  // namespace

std::vector<std::string> stated_digests(const std::string &path) {
  if (!exists(path)) return {};
  static const std::regex form("([0-9a-f]{64}) [ *]accel\\.json");
  std::istringstream lines(read_document(path, Status::bundle, largest_digests));
  std::vector<std::string> digests;
  bool is_sound = true;
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    is_sound = is_sound && std::regex_match(line, match, form);
    if (is_sound) digests.push_back(match[1].str());
  }
  if (is_sound && !digests.empty() && digests.size() <= 2) return digests;
  throw BundleError(path + ": expected one line `HEX  accel.json`, as `sha256sum accel.json` writes it");
}

}  // namespace accel
