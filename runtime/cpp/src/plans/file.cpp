// `plan.json`: a plan as a file.
#include "base/digits.hpp"
#include "base/json.hpp"
#include "manifest/manifest.hpp"
#include "plans/spec.hpp"

namespace accel::core {
namespace {

constexpr std::int64_t plan_version = 2;
constexpr std::int64_t version_of_rules = 3;
constexpr std::int64_t version_of_merging = 4;
constexpr std::int64_t version_of_gates = 5;
constexpr double most_weight = 1e6;
constexpr const char *new_keys[] = {"skip", "rows", "solved_for"};

CallNumber call_of(const std::string &name, const Json &json) {
  const auto number = name == "0" ? std::optional<std::int64_t>(0) : parse_count(name, 4);
  if (!number || *number >= most_calls) json.refuse("expected the number of a call as key");
  return *number;
}

std::vector<CallNumber> read_calls(const Json &json) {
  std::vector<CallNumber> calls;
  for (const Json &each : json.elements(0, most_calls)) calls.push_back(each.integer(0, most_calls - 1));
  return calls;
}

std::vector<double> read_numbers(const Json &json, std::size_t most) {
  std::vector<double> numbers;
  for (const Json &each : json.elements(1, most)) numbers.push_back(each.number(-most_weight, most_weight));
  return numbers;
}

DeepCalls read_deep(const Json &json) {
  if (!json.is_text()) return {0, read_calls(json)};
  const auto rule = parse_rule(json.text());
  if (!rule)
    json.refuse("expected full, every:N with N ≥ 1, or numbers of calls, got '" + json.text().substr(0, 60) + "'");
  return *rule;
}

void read_by_call(const Json &json, PlanSpec &spec) {
  if (const auto branches = json.find("branches")) {
    branches->each_member(most_calls, [&](const std::string &name, const Json &branch) {
      spec.branches[call_of(name, branch)] = branch.integer(0, 1000);
    });
  }
  if (const auto weights = json.find("weights")) {
    weights->each_member(most_calls, [&](const std::string &name, const Json &numbers) {
      spec.weights[call_of(name, numbers)] = read_numbers(numbers, most_history);
    });
  }
  if (const auto rows = json.find("rows")) {
    rows->each_member(most_calls, [&](const std::string &name, const Json &row) {
      row.only({"a", "b"});
      spec.rows[call_of(name, row)] = {read_numbers(row.at("a"), 3), read_numbers(row.at("b"), 5)};
    });
  }
}

SolvedFor read_solved_for(const Json &json) {
  json.only({"model", "guidance", "height", "width"});
  return {json.at("model").sha256(), json.at("guidance").number(-most_guidance, most_guidance),
          json.at("height").integer(1, longest_side), json.at("width").integer(1, longest_side)};
}

void read_open_keys(const Json &json, PlanSpec &spec) {
  const auto said = [&json](const char *key) {
    auto found = json.find(key);
    return found && !found->is_null() ? found : std::nullopt;
  };
  if (const auto guided = said("guided_calls")) {
    const auto calls = guided->elements(2, 2);
    spec.guided_calls = {calls[0].integer(0, most_calls - 1), calls[1].integer(0, most_calls - 1)};
  }
  if (const auto scheduler = said("scheduler")) spec.scheduler = scheduler->text();
  if (const auto steps = said("steps")) spec.steps = steps->integer(1, most_steps);
  if (const auto solved_for = said("solved_for")) spec.solved_for = read_solved_for(*solved_for);
}

[[noreturn]] void refuse_later(std::int64_t version, const std::string &where) {
  if (version == version_of_rules) {
    throw UnsupportedPlan(where +
                          ": expected a plan of version 1 or 2, got version 3, whose rule decides as the picture is "
                          "drawn: only the Python runtime runs rules; take a plan that numbers its deep calls");
  }
  if (version == version_of_merging) {
    throw UnsupportedPlan(where +
                          ": expected a plan of version 1 or 2, got version 4, which merges tokens: only the Python "
                          "runtime does; take a plan without `tome`");
  }
  if (version == version_of_gates) {
    throw UnsupportedPlan(where +
                          ": expected a plan of version 1 or 2, got version 5, whose late calls are gated: only the "
                          "Python runtime runs them; take a plan without `tgate`");
  }
  throw UnsupportedPlan(join(where, ": expected a plan of version 1 or 2, got version ", version,
                             ": take a newer libaccel, or see docs/plans.md"));
}

void check_version(const Json &json, const std::string &where) {
  const auto version = json.find("version");
  if (!version || !version->is_integer()) json.refuse("expected a plan of version 1 or 2, got none: see docs/plans.md");
  const std::int64_t said = version->integer(INT64_MIN, INT64_MAX);
  if (said > plan_version) refuse_later(said, where);
  if (said < 1) json.refuse(join("expected a plan of version 1 or 2, got version ", said, ": see docs/plans.md"));
  for (const char *key : new_keys) {
    if (said < plan_version && json.find(key)) {
      json.refuse(join(key, ": expected version 2 of a plan with it, got version ", said));
    }
  }
}

}  // namespace

PlanSpec parse_plan(const std::string &raw, const std::string &where, Status status) {
  try {
    const JsonDocument document(raw);
    const Json json = document.root();
    check_version(json, where);
    json.only({"version", "deep", "skip", "branch", "branches", "forecast", "weights", "rows", "guided_calls",
               "scheduler", "steps", "solved_for"});
    PlanSpec spec;
    spec.deep = read_deep(json.at("deep"));
    if (const auto skip = json.find("skip")) spec.skip = read_calls(*skip);
    if (const auto branch = json.find("branch")) spec.branch = branch->integer(0, 1000);
    if (const auto forecast = json.find("forecast")) {
      spec.forecast = parse_forecast(forecast->word({"hold", "linear", "quadratic"}));
    }
    read_by_call(json, spec);
    read_open_keys(json, spec);
    check_plan(spec);
    return spec;
  } catch (const Malformed &error) {
    throw Error(status, join(where, ": ", error.what()));
  }
}

}  // namespace accel::core
