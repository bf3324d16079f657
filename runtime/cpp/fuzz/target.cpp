// libFuzzer's target for ACCEL_READER, one of readers.hpp.
#include <cstddef>
#include <cstdint>

#include "readers.hpp"
#include "refused.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  fuzz::refused(std::string(reinterpret_cast<const char *>(data), size), fuzz::ACCEL_READER);
  return 0;
}
