// What a reader may do with bytes that are no document: raise an error of ours, and nothing else.
#pragma once

#include <optional>
#include <string>

#include "base/error.hpp"

namespace fuzz {

// Why a reader refuses the bytes; nothing where it takes them.
template <typename Read>
std::optional<std::string> refused(const std::string &bytes, Read read) {
  try {
    read(bytes);
    return std::nullopt;
  } catch (const accel::core::Error &error) {
    return error.what();
  } catch (const accel::core::Malformed &error) {
    return error.what();
  }
}

}  // namespace fuzz
