// Prompts to CLIP's token ids, from the bundle's table alone.
#pragma once

#include <string>

#include "manifest/manifest.hpp"
#include "text/table.hpp"

namespace accel::core {

// A prompt as ids: padded to the text encoder's length, begin and end included, and how many there were before.
struct Tokens {
  std::vector<TokenId> ids;
  std::size_t count = 0;
};

class Tokenizer {
 public:
  Tokenizer(TokenizerTable table, const TextSpec &spec)
      : table_(std::move(table)), length_(static_cast<std::size_t>(spec.max_length)), pad_id_(spec.pad_id) {}

  // As diffusers does: too long prompts lose their end but keep the end mark. Raises an `InputError` where the prompt
  // is no UTF-8, or far longer than any text encoder reads.
  Tokens encode(const std::string &prompt) const;

 private:
  // The prompt with words of several vectors written as all of their words, as diffusers does.
  CodePoints spread(const CodePoints &prompt) const;
  void add_prompt(const CodePoints &prompt, std::vector<TokenId> &ids) const;
  void add_words(const CodePoints &text, std::vector<TokenId> &ids) const;
  void add_word(const CodePoint *first, const CodePoint *last, std::vector<TokenId> &ids) const;
  std::size_t word_length(const CodePoints &text, std::size_t at) const;

  TokenizerTable table_;
  std::size_t length_;
  TokenId pad_id_;
};

}  // namespace accel::core
