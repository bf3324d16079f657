#include "text/merging.hpp"

#include <queue>
#include <tuple>

namespace accel::core {
namespace {

constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

// A part of the word and its neighbours; one that was merged into its left neighbour has the id -1.
struct Part {
  TokenId id;
  std::size_t left;
  std::size_t right;
};

// Two neighbours that may merge, as they were when they were found.
struct Candidate {
  std::size_t rank;
  std::size_t at;
  TokenId left;
  TokenId right;
  TokenId merged;

  bool operator<(const Candidate &other) const { return std::tie(rank, at) > std::tie(other.rank, other.at); }
};

class Merging {
 public:
  Merging(const TokenizerTable &table, const std::vector<TokenId> &word) : table_(table) {
    for (std::size_t at = 0; at < word.size(); ++at) {
      parts_.push_back({word[at], at == 0 ? nowhere : at - 1, at + 1 == word.size() ? nowhere : at + 1});
    }
    for (std::size_t at = 0; at < word.size(); ++at) consider(at);
  }

  std::vector<TokenId> run() {
    while (!candidates_.empty()) {
      const Candidate best = candidates_.top();
      candidates_.pop();
      if (still_holds(best)) merge(best);
    }
    std::vector<TokenId> ids;
    for (std::size_t at = parts_.empty() ? nowhere : 0; at != nowhere; at = parts_[at].right)
      ids.push_back(parts_[at].id);
    return ids;
  }

 private:
  void consider(std::size_t at) {
    if (at == nowhere || parts_[at].right == nowhere) return;
    const TokenId left = parts_[at].id;
    const TokenId right = parts_[parts_[at].right].id;
    const Merge *merge = table_.merge(left, right);
    if (merge != nullptr) candidates_.push({merge->rank, at, left, right, merge->merged});
  }

  bool still_holds(const Candidate &candidate) const {
    const Part &part = parts_[candidate.at];
    return part.id == candidate.left && part.right != nowhere && parts_[part.right].id == candidate.right;
  }

  void merge(const Candidate &candidate) {
    Part &part = parts_[candidate.at];
    Part &eaten = parts_[part.right];
    part.id = candidate.merged;
    part.right = eaten.right;
    eaten.id = -1;
    if (part.right != nowhere) parts_[part.right].left = candidate.at;
    consider(candidate.at);
    consider(part.left);
  }

  const TokenizerTable &table_;
  std::vector<Part> parts_;
  std::priority_queue<Candidate> candidates_;
};

}  // namespace

std::vector<TokenId> merge_word(const TokenizerTable &table, const std::vector<TokenId> &word) {
  return Merging(table, word).run();
}

}  // namespace accel::core
