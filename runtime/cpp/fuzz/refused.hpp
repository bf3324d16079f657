// What a reader may do with bytes that are no document: raise an error of ours, and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.hpp"

namespace fuzz {

template <typename Read>
int refused(const std::uint8_t *data, std::size_t size, Read read) {
  try {
    read(std::string(reinterpret_cast<const char *>(data), size));
  } catch (const accel::core::Error &) {
  } catch (const accel::core::Malformed &) {
  }
  return 0;
}

}  // namespace fuzz
