// UTF-8 to code points and back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace accel::core {

using CodePoint = char32_t;
inline constexpr CodePoint last_code_point = 0x10FFFF;
using CodePoints = std::vector<CodePoint>;

// Raises an `InputError` where the text is no UTF-8.
CodePoints decode_utf8(std::string_view text);

void append_utf8(CodePoint code, std::string &text);

}  // namespace accel::core
