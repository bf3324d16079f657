#include "text/normalise.hpp"

#include <algorithm>

namespace accel::core {
namespace {

// Hangul syllables are arithmetic (Unicode, section 3.12).
constexpr CodePoint l_base = 0x1100;
constexpr CodePoint v_base = 0x1161;
constexpr CodePoint t_base = 0x11A7;
constexpr CodePoint s_base = 0xAC00;
constexpr CodePoint l_count = 19;
constexpr CodePoint v_count = 21;
constexpr CodePoint t_count = 28;
constexpr CodePoint s_count = l_count * v_count * t_count;

bool is_within(CodePoint code, CodePoint base, CodePoint count) { return code >= base && code - base < count; }

CodePoints decompose(const TokenizerTable &table, const CodePoints &text) {
  CodePoints parts;
  for (const CodePoint code : text) {
    const CodePoints *decomposition = table.decomposition(code);
    if (is_within(code, s_base, s_count)) {
      const CodePoint index = code - s_base;
      parts.push_back(l_base + index / (v_count * t_count));
      parts.push_back(v_base + index / t_count % v_count);
      if (index % t_count != 0) parts.push_back(t_base + index % t_count);
    } else if (decomposition != nullptr) {
      parts.insert(parts.end(), decomposition->begin(), decomposition->end());
    } else {
      parts.push_back(code);
    }
  }
  return parts;
}

// Marks by combining class, those of a class as they stand.
void order(const TokenizerTable &table, CodePoints &text) {
  const auto is_starter = [&table](CodePoint code) { return table.combining_class(code) == 0; };
  for (auto first = text.begin(); first != text.end();) {
    const auto last = std::find_if(first, text.end(), is_starter);
    std::stable_sort(first, last, [&table](CodePoint one, CodePoint other) {
      return table.combining_class(one) < table.combining_class(other);
    });
    first = last == text.end() ? last : std::next(last);
  }
}

// What two code points become; 0 where they stay two.
CodePoint joined(const TokenizerTable &table, CodePoint first, CodePoint second) {
  if (is_within(first, l_base, l_count) && is_within(second, v_base, v_count)) {
    return s_base + ((first - l_base) * v_count + second - v_base) * t_count;
  }
  const bool is_open_syllable = is_within(first, s_base, s_count) && (first - s_base) % t_count == 0;
  if (is_open_syllable && second > t_base && second < t_base + t_count) return first + second - t_base;
  return table.composition(first, second);
}

CodePoints compose(const TokenizerTable &table, const CodePoints &text) {
  CodePoints made;
  bool has_starter = false;
  std::size_t starter = 0;
  std::uint32_t last = 0;
  for (const CodePoint code : text) {
    const std::uint32_t combining = table.combining_class(code);
    const bool is_blocked = has_starter && made.size() - 1 > starter && last >= combining;
    const CodePoint one = has_starter && !is_blocked ? joined(table, made[starter], code) : 0;
    if (one != 0) {
      made[starter] = one;
      continue;
    }
    if (combining == 0) {
      starter = made.size();
      has_starter = true;
    }
    last = combining;
    made.push_back(code);
  }
  return made;
}

}  // namespace

CodePoints normalise(const TokenizerTable &table, const CodePoints &text) {
  CodePoints ordered = decompose(table, text);
  order(table, ordered);
  CodePoints normal;
  bool after_space = false;
  for (const CodePoint code : compose(table, ordered)) {
    const bool is_space = table.kind(code) == Kind::space;
    const CodePoints *lower = is_space ? nullptr : table.lower(code);
    if (lower != nullptr) {
      normal.insert(normal.end(), lower->begin(), lower->end());
    } else if (!is_space) {
      normal.push_back(code);
    } else if (!after_space) {
      normal.push_back(U' ');
    }
    after_space = is_space;
  }
  return normal;
}

}  // namespace accel::core
