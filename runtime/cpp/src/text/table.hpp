// The tokenizer as a table (docs/tokenizer-table.md): numbers only, checked.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/safetensors.hpp"
#include "text/utf8.hpp"

namespace accel::core {

using TokenId = std::int64_t;

enum class Kind : std::uint8_t { other = 0, space = 1, letter = 2, number = 3 };

struct Merge {
  std::size_t rank = 0;
  TokenId merged = 0;
};

// Texts that are one token each, wherever they stand.
class Marks {
 public:
  struct Mark {
    CodePoints text;
    TokenId id = 0;
  };

  void add(CodePoints text, TokenId id);
  // The longest that begins there; null where none does.
  const Mark *find(const CodePoints &text, std::size_t at) const;

 private:
  std::unordered_map<CodePoint, std::vector<Mark>> by_first_;  // the longest first
};

// A word of textual inversion that has several vectors: where its id is found, the text is written as all of its words.
struct Spread {
  TokenId id = 0;
  CodePoints word;
  CodePoints words;
};

class TokenizerTable {
 public:
  // Raises a `BundleError` where the bytes are no table; `path` is for that.
  static TokenizerTable decode(const std::string &raw, const std::string &path);

  Kind kind(CodePoint code) const;
  std::uint32_t combining_class(CodePoint code) const;
  // What a code point becomes; nothing where it stays as it is.
  const CodePoints *decomposition(CodePoint code) const;
  const CodePoints *lower(CodePoint code) const;
  // What two code points become; 0 where they stay two.
  CodePoint composition(CodePoint first, CodePoint second) const;
  // Null where the two are no neighbours that merge.
  const Merge *merge(TokenId left, TokenId right) const;
  // The id of a byte inside a word, or as its last.
  TokenId byte(unsigned char byte, bool is_last) const;
  // Matched verbatim in the prompt, and in what `normalise` makes of it.
  const Marks &specials() const { return specials_; }
  const Marks &words() const { return words_; }
  const std::vector<Spread> &spreads() const { return spreads_; }
  TokenId begin() const { return begin_; }
  TokenId end() const { return end_; }

 private:
  struct Range {
    CodePoint first, last;
    Kind kind;
  };
  using Strings = std::unordered_map<CodePoint, CodePoints>;

  void read(const std::string &raw);
  void read_strings(const Safetensors &file, const std::string &name, Strings &strings) const;
  void read_marks(const Safetensors &file);
  void read_merges(const Safetensors &file);
  void read_metadata(const std::map<std::string, std::string> &metadata);
  void read_words(const std::string &words, const std::string &spread);

  std::vector<Range> kinds_;
  Strings decompositions_;
  Strings lowers_;
  std::unordered_map<CodePoint, std::uint32_t> combining_;
  std::unordered_map<std::uint64_t, CodePoint> compositions_;
  std::unordered_map<std::uint64_t, Merge> merges_;
  std::array<std::array<TokenId, 2>, 256> bytes_ = {};
  Marks specials_;
  Marks words_;
  std::vector<Spread> spreads_;
  TokenId begin_ = 0;
  TokenId end_ = 0;
  TokenId unknown_ = 0;
};

}  // namespace accel::core
