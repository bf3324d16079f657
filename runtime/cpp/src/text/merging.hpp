// Byte-pair merges within a word.
#pragma once

#include "text/table.hpp"

namespace accel::core {

// While any neighbours merge, merges the best pair, and the leftmost one among equals: in n log n, as a word may be
// long.
std::vector<TokenId> merge_word(const TokenizerTable &table, const std::vector<TokenId> &word);

}  // namespace accel::core
