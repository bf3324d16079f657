#include "manifest/manifest.hpp"

#include "refused.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  return fuzz::refused(data, size, [](const std::string &bytes) { accel::core::parse_manifest(bytes, "accel.json"); });
}
