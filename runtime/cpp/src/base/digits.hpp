// Numbers in texts.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace accel::core {

// The number of a text of 1 to `most` decimal digits and nothing else; `most` is at most 19.
inline std::optional<std::uint64_t> parse_digits(std::string_view text, std::size_t most) {
  if (text.empty() || text.size() > most) return std::nullopt;
  std::uint64_t number = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return number;
}

// The same of a number from 1 on that is written without zeros before it.
inline std::optional<std::int64_t> parse_count(std::string_view text, std::size_t most) {
  const auto number = parse_digits(text, most);
  if (!number || text.front() == '0') return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

}  // namespace accel::core
