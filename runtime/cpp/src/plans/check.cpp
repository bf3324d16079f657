// Whether a plan contradicts itself. Each complaint begins with a key.
#include <algorithm>

#include "plans/spec.hpp"

namespace accel::core {
namespace {

constexpr std::size_t most_latents = 3;
constexpr std::size_t most_noises = 5;

bool ascends(const std::vector<CallNumber> &numbers) {
  return std::adjacent_find(numbers.begin(), numbers.end(), std::greater_equal<>()) == numbers.end();
}

void check_deep(const DeepCalls &deep) {
  if (deep.is_rule()) return;
  if (deep.numbers.empty() || deep.numbers.front() != 0) {
    throw Malformed("deep: the first call must be deep: expected numbers from 0 on");
  }
  if (!ascends(deep.numbers)) throw Malformed("deep: expected ascending numbers, each once");
  if (deep.numbers.back() >= most_calls) throw Malformed(join("deep: expected numbers below ", most_calls));
}

void check_skip(const PlanSpec &spec) {
  if (spec.skip.empty()) return;
  if (spec.deep.is_rule()) throw Malformed("skip: expected numbers of calls as deep beside skipped calls, got a rule");
  if (spec.skip.front() <= 0) throw Malformed(join("skip: expected numbers from 1 on, got ", spec.skip.front()));
  if (!ascends(spec.skip)) throw Malformed("skip: expected ascending numbers, each once");
  for (const CallNumber call : spec.skip) {
    if (spec.deep.contains(call))
      throw Malformed(join("skip: call ", call, " is deep: expected calls that run no graph"));
  }
}

void check_shallow(const PlanSpec &spec, const char *key, CallNumber call) {
  const bool is_deep = spec.deep.contains(call);
  if (!is_deep && !spec.skips(call)) return;
  throw Malformed(join(key, ".", call, ": expected the number of a shallow call as key, got that of a ",
                       is_deep ? "deep" : "skipped", " one"));
}

void check_count(const std::string &key, std::size_t actual, std::size_t most) {
  if (actual >= 1 && actual <= most) return;
  throw Malformed(join(key, ": expected 1 to ", most, " weights, of what is there before it, got ", actual));
}

void check_weights(const PlanSpec &spec) {
  for (const auto &[call, weights] : spec.weights) {
    check_shallow(spec, "weights", call);
    check_count(join("weights.", call), weights.size(), std::min(most_history, spec.deep.before(call)));
  }
}

void check_rows(const PlanSpec &spec) {
  if (spec.rows.empty()) {
    if (spec.skip.empty()) return;
    throw Malformed("rows: expected a solved row for every call that runs, as calls are skipped, got none");
  }
  if (spec.deep.is_rule()) throw Malformed("rows: expected numbers of calls as deep beside solved rows, got a rule");
  CallNumber last = std::max(spec.rows.rbegin()->first, spec.deep.numbers.back());
  if (!spec.skip.empty()) last = std::max(last, spec.skip.back());
  std::size_t before = 0;
  for (CallNumber call = 0; call <= last; ++call) {
    const auto row = spec.rows.find(call);
    const bool is_there = row != spec.rows.end();
    if (is_there && spec.skips(call))
      throw Malformed(join("rows.", call, ": expected a call that runs, got a skipped one"));
    if (!is_there && !spec.skips(call)) {
      throw Malformed(join("rows: expected a solved row for every call that runs, got none for call ", call));
    }
    if (!is_there) continue;
    ++before;
    check_count(join("rows.", call, ".a"), row->second.a.size(), std::min(most_latents, before));
    check_count(join("rows.", call, ".b"), row->second.b.size(), std::min(most_noises, before));
  }
}

void check_open(const PlanSpec &spec) {
  if (spec.rows.empty() && !spec.solved_for) return;
  if (!spec.scheduler) throw Malformed("scheduler: expected the scheduler that the plan was solved for, got null");
  if (!spec.steps) throw Malformed("steps: expected the steps that the plan was solved for, got null");
}

}  // namespace

void check_plan(const PlanSpec &spec) {
  check_deep(spec.deep);
  check_skip(spec);
  for (const auto &[call, branch] : spec.branches) check_shallow(spec, "branches", call);
  check_weights(spec);
  check_rows(spec);
  check_open(spec);
  if (spec.guided_calls && spec.guided_calls->first > spec.guided_calls->second) {
    throw Malformed("guided_calls: expected a first and a last call");
  }
}

}  // namespace accel::core
