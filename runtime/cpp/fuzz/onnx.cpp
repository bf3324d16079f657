#include "bundle/onnx_file.hpp"

#include "refused.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  return fuzz::refused(data, size, [](const std::string &bytes) { accel::core::parse_onnx(bytes); });
}
