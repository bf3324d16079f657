#include "text/table.hpp"

#include <algorithm>

#include "base/digits.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

namespace accel::core {
namespace {

constexpr std::size_t longest_id = 9;
constexpr std::size_t most_marks = 1 << 14;
// Bytes; the words of a word of many vectors are one text.
constexpr std::size_t longest_mark = 1 << 10;
constexpr std::size_t longest_spread = 1 << 20;

std::uint64_t pair_key(std::uint64_t first, std::uint64_t second) { return first << 32 | second; }

// Rows of a two-dimensional array of so many columns.
template <std::size_t width>
std::vector<std::array<std::int64_t, width>> rows_of(const Safetensors &file, const std::string &name,
                                                     const std::string &dtype) {
  const std::vector<std::int64_t> values = file.small_integers(name, dtype, 2);
  if (file.at(name).shape[1] != std::int64_t{width}) throw Malformed(join(name, ": expected ", width, " columns"));
  std::vector<std::array<std::int64_t, width>> rows(values.size() / width);
  for (std::size_t at = 0; at < values.size(); ++at) rows[at / width][at % width] = values[at];
  return rows;
}

void read_marks_of(const std::string &json, Marks &marks) {
  const JsonDocument document(json);
  document.root().each_member(most_marks, [&marks](const std::string &text, const Json &id) {
    if (text.empty()) id.refuse("expected a text that is not empty");
    marks.add(decode_utf8(text), id.integer(0, INT32_MAX));
  });
}

CodePoint code_of(std::int64_t number, const std::string &name) {
  if (number < 0 || number > std::int64_t{last_code_point})
    throw Malformed(name + ": holds a number that is no code point");
  return static_cast<CodePoint>(number);
}

}  // namespace

TokenizerTable TokenizerTable::decode(const std::string &raw, const std::string &path) {
  try {
    TokenizerTable table;
    table.read(raw);
    return table;
  } catch (const Malformed &error) {
    throw BundleError(join(path, ": ", error.what()));
  }
}

void TokenizerTable::read(const std::string &raw) {
  const Safetensors file = parse_safetensors(raw);
  read_metadata(file.metadata);
  for (const auto &row : rows_of<3>(file, "classes", "U32")) {
    if (row[2] > 3) throw Malformed("classes: expected 0 to 3");
    kinds_.push_back({code_of(row[0], "classes"), code_of(row[1], "classes"), static_cast<Kind>(row[2])});
  }
  read_strings(file, "decompose", decompositions_);
  read_strings(file, "lower", lowers_);
  read_marks(file);
  read_merges(file);
  const auto bytes = rows_of<2>(file, "bytes", "I32");
  if (bytes.size() != bytes_.size()) throw Malformed("bytes: expected 256 rows");
  for (std::size_t byte = 0; byte < bytes.size(); ++byte) bytes_[byte] = {bytes[byte][0], bytes[byte][1]};
}

void TokenizerTable::read_strings(const Safetensors &file, const std::string &name, Strings &strings) const {
  const auto from = file.small_integers(name + "_from", "U32", 1);
  const auto at = file.small_integers(name + "_at", "U32", 1);
  const auto to = file.small_integers(name + "_to", "U32", 1);
  const bool is_sound = at.size() == from.size() + 1 && std::is_sorted(at.begin(), at.end()) &&
                        at.back() <= static_cast<std::int64_t>(to.size());
  if (!is_sound) throw Malformed(name + "_at: does not fit the other arrays");
  for (std::size_t each = 0; each < from.size(); ++each) {
    CodePoints &codes = strings[code_of(from[each], name)];
    for (auto part = at[each]; part < at[each + 1]; ++part)
      codes.push_back(code_of(to[static_cast<std::size_t>(part)], name));
  }
}

void TokenizerTable::read_marks(const Safetensors &file) {
  for (const auto &row : rows_of<2>(file, "combining", "U32")) {
    combining_[code_of(row[0], "combining")] = static_cast<std::uint32_t>(row[1]);
  }
  for (const auto &row : rows_of<3>(file, "compose", "U32")) {
    const CodePoint first = code_of(row[0], "compose");
    compositions_[pair_key(first, code_of(row[1], "compose"))] = code_of(row[2], "compose");
  }
}

void TokenizerTable::read_merges(const Safetensors &file) {
  std::size_t rank = 0;
  for (const auto &row : rows_of<3>(file, "merges", "I32")) {
    if (row[0] < 0 || row[1] < 0 || row[2] < 0) throw Malformed("merges: holds a number that is no id");
    merges_[pair_key(static_cast<std::uint64_t>(row[0]), static_cast<std::uint64_t>(row[1]))] = {rank++, row[2]};
  }
}

void TokenizerTable::read_metadata(const std::map<std::string, std::string> &metadata) {
  const auto said = [&metadata](const char *key) {
    const auto found = metadata.find(key);
    if (found == metadata.end()) throw Malformed(std::string(key) + ": missing in the metadata");
    return found->second;
  };
  const auto id_of = [&said](const char *key) {
    const auto id = parse_digits(said(key), longest_id);
    if (!id) throw Malformed(std::string(key) + ": expected an id in the metadata");
    return static_cast<TokenId>(*id);
  };
  const std::string version = said("version");
  if (said("format") != "accel-tokenizer" || (version != "1" && version != "2")) {
    throw Malformed("format: expected accel-tokenizer of version 1 or 2");
  }
  begin_ = id_of("begin");
  end_ = id_of("end");
  unknown_ = id_of("unknown");
  read_marks_of(said("specials"), specials_);
  if (version == "2") read_words(said("words"), said("spread"));
}

void TokenizerTable::read_words(const std::string &words, const std::string &spread) {
  read_marks_of(words, words_);
  const JsonDocument rows(spread);
  for (const Json &row : rows.root().elements(0, most_marks)) {
    const std::vector<Json> parts = row.elements(3, 3);
    if (parts[1].text(longest_mark).empty()) parts[1].refuse("expected a text that is not empty");
    spreads_.push_back({parts[0].integer(0, INT32_MAX), decode_utf8(parts[1].text(longest_mark)),
                        decode_utf8(parts[2].text(longest_spread))});
  }
}

void Marks::add(CodePoints text, TokenId id) {
  auto &marks = by_first_[text.front()];
  const auto shorter =
      std::find_if(marks.begin(), marks.end(), [&](const Mark &each) { return each.text.size() < text.size(); });
  marks.insert(shorter, {std::move(text), id});
}

const Marks::Mark *Marks::find(const CodePoints &text, std::size_t at) const {
  const auto found = by_first_.find(text[at]);
  if (found == by_first_.end()) return nullptr;
  const auto here = text.begin() + static_cast<std::ptrdiff_t>(at);
  const std::size_t rest = text.size() - at;
  const auto mark = std::find_if(found->second.begin(), found->second.end(), [&](const Mark &each) {
    return each.text.size() <= rest && std::equal(each.text.begin(), each.text.end(), here);
  });
  return mark == found->second.end() ? nullptr : &*mark;
}

Kind TokenizerTable::kind(CodePoint code) const {
  const auto after = std::upper_bound(kinds_.begin(), kinds_.end(), code,
                                      [](CodePoint value, const Range &range) { return value < range.first; });
  if (after == kinds_.begin() || code > std::prev(after)->last) return Kind::other;
  return std::prev(after)->kind;
}

std::uint32_t TokenizerTable::combining_class(CodePoint code) const {
  const auto found = combining_.find(code);
  return found == combining_.end() ? 0 : found->second;
}

const CodePoints *TokenizerTable::decomposition(CodePoint code) const {
  const auto found = decompositions_.find(code);
  return found == decompositions_.end() ? nullptr : &found->second;
}

const CodePoints *TokenizerTable::lower(CodePoint code) const {
  const auto found = lowers_.find(code);
  return found == lowers_.end() ? nullptr : &found->second;
}

CodePoint TokenizerTable::composition(CodePoint first, CodePoint second) const {
  const auto found = compositions_.find(pair_key(first, second));
  return found == compositions_.end() ? 0 : found->second;
}

const Merge *TokenizerTable::merge(TokenId left, TokenId right) const {
  const auto found = merges_.find(pair_key(static_cast<std::uint64_t>(left), static_cast<std::uint64_t>(right)));
  return found == merges_.end() ? nullptr : &found->second;
}

TokenId TokenizerTable::byte(unsigned char byte, bool is_last) const {
  const TokenId id = bytes_[byte][is_last ? 1 : 0];
  return id < 0 ? unknown_ : id;
}

}  // namespace accel::core
