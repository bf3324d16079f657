#include "text/utf8.hpp"

#include "base/error.hpp"

namespace accel::core {
namespace {

// How many bytes a character has, by its first one; 0 where none begins so.
std::size_t length_of(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return 2;
  if (first >= 0xE0 && first < 0xF0) return 3;
  return first >= 0xF0 && first < 0xF5 ? 4 : 0;
}

bool is_sound(CodePoint code, std::size_t length) {
  constexpr CodePoint least[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xD800 && code < 0xE000;
  return code >= least[length] && code <= last_code_point && !is_surrogate;
}

}  // namespace

CodePoints decode_utf8(std::string_view text) {
  CodePoints codes;
  codes.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    const std::size_t length = length_of(first);
    bool is_text = length != 0 && length <= text.size() - at;
    CodePoint code = length < 2 ? first : first & (0x7FU >> length);
    for (std::size_t next = 1; is_text && next < length; ++next) {
      const auto byte = static_cast<unsigned char>(text[at + next]);
      is_text = (byte & 0xC0) == 0x80;
      code = code << 6 | (byte & 0x3FU);
    }
    if (!is_text || !is_sound(code, length)) throw InputError(join("prompt: byte ", at, " is no UTF-8"));
    codes.push_back(code);
    at += length;
  }
  return codes;
}

void append_utf8(CodePoint code, std::string &text) {
  const auto add = [&text](CodePoint byte) { text += static_cast<char>(byte); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xC0 | code >> 6);
    add(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    add(0xE0 | code >> 12);
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  } else {
    add(0xF0 | code >> 18);
    add(0x80 | (code >> 12 & 0x3F));
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  }
}

}  // namespace accel::core
