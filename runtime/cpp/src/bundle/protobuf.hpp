// Protocol buffers as bytes, field by field (https://protobuf.dev/programming-guides/encoding).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace accel::core {

enum class Wire : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// One field of a message: its number there, and its bytes or, where it is a varint, its value.
struct Field {
  std::uint64_t number = 0;
  Wire wire = Wire::varint;
  std::uint64_t value = 0;
  std::string_view bytes;
};

// The fields of a message in the order in which they lie there. Raises `Malformed` where it is cut off, or is none.
std::vector<Field> read_fields(std::string_view message);

}  // namespace accel::core
