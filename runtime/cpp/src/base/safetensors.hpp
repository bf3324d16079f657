// Safetensors files: 8 bytes of little-endian header length, a JSON header, raw little-endian arrays in C order.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/array.hpp"

namespace accel::core {

struct RawArray {
  std::string dtype;  // as the format calls it: F64, I64, U32, I32 …
  Shape shape;
  std::string_view bytes;
};

// Arrays by name, and the strings of `__metadata__`. They point into the bytes that were parsed.
struct Safetensors {
  std::map<std::string, std::string> metadata;
  std::map<std::string, RawArray> arrays;

  // The elements of an array of that type and rank. Raises `Malformed` where there is none.
  std::vector<double> doubles(const std::string &name, std::size_t rank) const;
  std::vector<std::int64_t> integers(const std::string &name, std::size_t rank) const;
  // The same of 32 bits, signed or not.
  std::vector<std::int64_t> small_integers(const std::string &name, const std::string &dtype, std::size_t rank) const;

  const RawArray &at(const std::string &name) const;
};

// Raises `Malformed` where the bytes are no such file.
Safetensors parse_safetensors(std::string_view data);

}  // namespace accel::core
