// The plan as data: which calls run deep, which run no graph, and how the shallow calls between them run. docs/plans.md
// documents its JSON, key by key.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace accel::core {

using CallNumber = std::int64_t;

inline constexpr std::size_t most_history = 3;
inline constexpr CallNumber most_calls = 2000;
inline constexpr std::int64_t most_steps = 1000;
inline constexpr double most_guidance = 3.4e38;

// How the feature of a shallow call is made; each uses one deep feature more than the one before.
enum class Forecast { hold, linear, quadratic };

// Raises an `InputError` where there is none of that name.
Forecast parse_forecast(const std::string &text);

// Deep calls: every N-th, where `interval` is not 0 (`full` is every first), or these numbers.
struct DeepCalls {
  std::int64_t interval = 1;
  std::vector<CallNumber> numbers;

  bool is_rule() const { return interval != 0; }
  bool contains(CallNumber call) const;
  // How many come before a call.
  std::size_t before(CallNumber call) const;
};

// `full` or `every:N`; nothing for any other text.
std::optional<DeepCalls> parse_rule(const std::string &text);

// `full`, `every:N` or `calls:0,3,7`; nothing for any other text.
std::optional<DeepCalls> parse_deep_calls(const std::string &text);

// The coefficients of a call that runs: weights of latents and of guided noises, newest first.
struct SolvedRow {
  std::vector<double> a;
  std::vector<double> b;
};

// What a plan was solved for, beside scheduler and steps.
struct SolvedFor {
  std::string model;
  double guidance = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
};

struct PlanSpec {
  DeepCalls deep;
  std::vector<CallNumber> skip;
  std::int64_t branch = 0;
  std::map<CallNumber, std::int64_t> branches;
  Forecast forecast = Forecast::hold;
  std::map<CallNumber, std::vector<double>> weights;
  std::map<CallNumber, SolvedRow> rows;
  std::optional<std::pair<CallNumber, CallNumber>> guided_calls;
  std::optional<std::string> scheduler;
  std::optional<std::int64_t> steps;
  std::optional<SolvedFor> solved_for;

  bool skips(CallNumber call) const;
  bool guides(CallNumber call) const;
  std::int64_t branch_of(CallNumber call) const;
  // The weights of the last deep features at a shallow call, newest first. `deep_calls` are all of them, ascending.
  std::vector<double> weights_of(CallNumber call, const std::vector<CallNumber> &deep_calls) const;
};

// A plan of a later version than this runtime runs, such as one with a rule.
class UnsupportedPlan : public InputError {
 public:
  using InputError::InputError;
};

// Raises `Malformed` where the parts contradict each other.
void check_plan(const PlanSpec &spec);

// Reads the content of `plan.json`, version 1 or 2. Raises an `UnsupportedPlan`, or else an `Error` of `status`;
// `where` is for messages.
PlanSpec parse_plan(const std::string &raw, const std::string &where, Status status = Status::input);

// The same from a file.
PlanSpec read_plan(const std::string &path);

inline constexpr std::uint64_t largest_plan = std::uint64_t{1} << 20;

}  // namespace accel::core
