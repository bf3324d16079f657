#include "text/tokenizer.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include "base/error.hpp"
#include "text/merging.hpp"
#include "text/normalise.hpp"

namespace accel::core {
namespace {

// What does not fit a text encoder is cut off, but is tokenised first.
constexpr std::size_t longest_prompt = 1 << 16;
// And what becomes of it where words are spelled out.
constexpr std::size_t longest_spelled = 1 << 22;
constexpr std::u32string_view endings[] = {U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"};
// Lower-cased from other spellings; in their own spelling they are special tokens and never get here.
constexpr std::u32string_view brackets[] = {U"<|startoftext|>", U"<|endoftext|>"};
constexpr std::size_t bracket = 2;

template <typename Text>
bool stands_at(const CodePoints &text, std::size_t at, const Text &part) {
  return part.size() <= text.size() - at &&
         std::equal(part.begin(), part.end(), text.begin() + static_cast<std::ptrdiff_t>(at));
}

// Cuts a text at every mark, whose id is added; the parts between them are handed on.
template <typename Take>
void each_part(const CodePoints &text, const Marks &marks, std::vector<TokenId> &ids, Take take) {
  CodePoints rest;
  for (std::size_t at = 0; at < text.size();) {
    const Marks::Mark *mark = marks.find(text, at);
    if (mark == nullptr) {
      rest.push_back(text[at++]);
      continue;
    }
    take(rest);
    rest.clear();
    ids.push_back(mark->id);
    at += mark->text.size();
  }
  take(rest);
}

CodePoints replaced(const CodePoints &text, const CodePoints &word, const CodePoints &words) {
  CodePoints all;
  for (std::size_t at = 0; at < text.size();) {
    if (stands_at(text, at, word)) {
      all.insert(all.end(), words.begin(), words.end());
      if (all.size() > longest_spelled) throw InputError("prompt: its words of several vectors make it too long");
      at += word.size();
    } else {
      all.push_back(text[at++]);
    }
  }
  return all;
}

}  // namespace

Tokens Tokenizer::encode(const std::string &prompt) const {
  const CodePoints text = decode_utf8(prompt);
  if (text.size() > longest_prompt) {
    throw InputError(join("prompt: expected at most ", longest_prompt, " characters, got ", text.size()));
  }
  Tokens tokens{{table_.begin()}, 0};
  add_prompt(spread(text), tokens.ids);
  tokens.count = tokens.ids.size() + 1;
  tokens.ids.resize(std::min(tokens.ids.size(), length_ - 1));
  tokens.ids.push_back(table_.end());
  tokens.ids.resize(length_, pad_id_);
  return tokens;
}

CodePoints Tokenizer::spread(const CodePoints &prompt) const {
  if (table_.spreads().empty()) return prompt;
  std::vector<TokenId> ids;
  add_prompt(prompt, ids);
  const std::set<TokenId> found(ids.begin(), ids.end());
  CodePoints text = prompt;
  for (const Spread &each : table_.spreads()) {
    if (found.count(each.id) == 1) text = replaced(text, each.word, each.words);
  }
  return text;
}

void Tokenizer::add_prompt(const CodePoints &prompt, std::vector<TokenId> &ids) const {
  each_part(prompt, table_.specials(), ids, [&](const CodePoints &verbatim) {
    each_part(normalise(table_, verbatim), table_.words(), ids, [&](const CodePoints &text) { add_words(text, ids); });
  });
}

void Tokenizer::add_words(const CodePoints &text, std::vector<TokenId> &ids) const {
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint *here = text.data() + at;
    const auto *mark =
        std::find_if(std::begin(brackets), std::end(brackets), [&](auto each) { return stands_at(text, at, each); });
    if (mark != std::end(brackets)) {
      const std::size_t inner = mark->size() - bracket;
      add_word(here, here + bracket, ids);
      add_word(here + bracket, here + inner, ids);
      add_word(here + inner, here + mark->size(), ids);
      at += mark->size();
      continue;
    }
    const std::size_t length = word_length(text, at);
    add_word(here, here + length, ids);
    at += std::max(length, std::size_t{1});
  }
}

// How many code points the word has that begins there; 0 for space.
std::size_t Tokenizer::word_length(const CodePoints &text, std::size_t at) const {
  for (const std::u32string_view ending : endings) {
    if (stands_at(text, at, ending)) return ending.size();
  }
  const Kind kind = table_.kind(text[at]);
  if (kind == Kind::space) return 0;
  if (kind == Kind::number) return 1;
  std::size_t end = at;
  while (end < text.size() && table_.kind(text[end]) == kind) ++end;
  return end - at;
}

void Tokenizer::add_word(const CodePoint *first, const CodePoint *last, std::vector<TokenId> &ids) const {
  std::string bytes;
  std::for_each(first, last, [&bytes](CodePoint code) { append_utf8(code, bytes); });
  std::vector<TokenId> word;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    word.push_back(table_.byte(static_cast<unsigned char>(bytes[at]), at + 1 == bytes.size()));
  }
  word = merge_word(table_, word);
  ids.insert(ids.end(), word.begin(), word.end());
}

}  // namespace accel::core
