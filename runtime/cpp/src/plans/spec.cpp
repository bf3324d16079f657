#include "plans/spec.hpp"

#include <algorithm>

#include "base/digits.hpp"
#include "base/files.hpp"

namespace accel::core {
namespace {

constexpr std::size_t longest_text = 20000;

std::size_t history_of(Forecast forecast) { return static_cast<std::size_t>(forecast) + 1; }

}  // namespace

Forecast parse_forecast(const std::string &text) {
  if (text == "hold") return Forecast::hold;
  if (text == "linear") return Forecast::linear;
  if (text == "quadratic") return Forecast::quadratic;
  throw InputError("forecast: expected one of hold, linear, quadratic, got '" + text.substr(0, 60) + "'");
}

bool DeepCalls::contains(CallNumber call) const {
  return is_rule() ? call % interval == 0 : std::binary_search(numbers.begin(), numbers.end(), call);
}

std::size_t DeepCalls::before(CallNumber call) const {
  if (is_rule()) return static_cast<std::size_t>((call + interval - 1) / interval);
  return static_cast<std::size_t>(std::lower_bound(numbers.begin(), numbers.end(), call) - numbers.begin());
}

std::optional<DeepCalls> parse_rule(const std::string &text) {
  const std::string prefix = "every:";
  if (text == "full") return DeepCalls{1, {}};
  if (text.compare(0, prefix.size(), prefix) != 0) return std::nullopt;
  const auto interval = parse_count(text.substr(prefix.size()), 6);
  return interval ? std::optional(DeepCalls{*interval, {}}) : std::nullopt;
}

std::optional<DeepCalls> parse_deep_calls(const std::string &text) {
  if (auto rule = parse_rule(text)) return rule;
  const std::string prefix = "calls:";
  if (text.size() > longest_text || text.compare(0, prefix.size(), prefix) != 0) return std::nullopt;
  std::set<CallNumber> numbers;
  std::size_t at = prefix.size();
  const auto skip_blanks = [&] { at = std::min(text.find_first_not_of(' ', at), text.size()); };
  for (bool goes_on = true; goes_on;) {
    skip_blanks();
    const std::size_t end = std::min(text.find_first_not_of("0123456789", at), text.size());
    if (end == at || end - at > 6) return std::nullopt;
    numbers.insert(std::stol(text.substr(at, end - at)));
    at = end;
    skip_blanks();
    goes_on = at < text.size();
    if (goes_on && text[at++] != ',') return std::nullopt;
  }
  return DeepCalls{0, {numbers.begin(), numbers.end()}};
}

bool PlanSpec::skips(CallNumber call) const { return std::binary_search(skip.begin(), skip.end(), call); }

bool PlanSpec::guides(CallNumber call) const {
  return !guided_calls || (guided_calls->first <= call && call <= guided_calls->second);
}

std::int64_t PlanSpec::branch_of(CallNumber call) const {
  const auto found = branches.find(call);
  return found == branches.end() ? branch : found->second;
}

std::vector<double> PlanSpec::weights_of(CallNumber call, const std::vector<CallNumber> &deep_calls) const {
  const auto said = weights.find(call);
  if (said != weights.end()) return said->second;
  std::vector<CallNumber> nodes;
  for (auto deep_call = deep_calls.rbegin(); deep_call != deep_calls.rend(); ++deep_call) {
    if (*deep_call < call && nodes.size() < history_of(forecast)) nodes.push_back(*deep_call);
  }
  // Lagrange's basis polynomials through the deep calls, evaluated at the shallow one.
  std::vector<double> lagrange;
  for (const CallNumber node : nodes) {
    double weight = 1.0;
    for (const CallNumber other : nodes) {
      if (other != node) weight *= static_cast<double>(call - other) / static_cast<double>(node - other);
    }
    lagrange.push_back(weight);
  }
  return lagrange;
}

PlanSpec read_plan(const std::string &path) {
  return parse_plan(read_document(path, Status::input, largest_plan), path);
}

}  // namespace accel::core
