// From a plan as data to the one that the loop runs. Skipped calls and solved rows end here: the loop sees fewer calls,
// on a schedule with as many rows (docs/design/0020-skips.md).
#include <algorithm>
#include <cmath>
#include <set>

#include "plans/plan.hpp"

namespace accel::core {
namespace {

void check_outside(const char *key, CallNumber call, CallNumber total) {
  if (call < total) return;
  throw InputError(join("plan: ", key, ": call ", call, " is outside 0…", total - 1));
}

void check_calls(const PlanSpec &spec, CallNumber total) {
  if (!spec.deep.is_rule()) check_outside("deep", spec.deep.numbers.back(), total);
  if (!spec.skip.empty()) check_outside("skip", spec.skip.back(), total);
  if (!spec.branches.empty()) check_outside("branches", spec.branches.rbegin()->first, total);
  if (!spec.weights.empty()) check_outside("weights", spec.weights.rbegin()->first, total);
  if (spec.guided_calls) check_outside("guided_calls", spec.guided_calls->second, total);
  if (spec.rows.empty()) return;
  check_outside("rows", spec.rows.rbegin()->first, total);
  const auto end = static_cast<CallNumber>(spec.rows.size() + spec.skip.size());
  if (end < total) {
    throw InputError(join("plan: rows: expected a solved row for every call that runs, got none for call ", end));
  }
}

void check_solvable(const PlanSpec &spec, const ScheduleTable &schedule) {
  if (spec.scheduler != schedule.scheduler) {
    throw InputError(join("plan: its rows were solved for scheduler ", *spec.scheduler, ", got ", schedule.scheduler,
                          ": leave the scheduler to the plan"));
  }
  if (schedule.begin != 0) {
    throw InputError(
        "plan: solved plans start from noise: start without an image, or choose a plan without solved rows");
  }
  if (schedule.draws()) {
    throw InputError(join("plan: ", schedule.scheduler, " draws noise at its calls, which solved rows cannot follow: ",
                          "solve a plan for a scheduler that draws none, such as ddim, euler or dpmpp_2m"));
  }
}

// The rows of the calls that run, with the plan's coefficients, padded to one length.
ScheduleTable solved(const PlanSpec &spec, ScheduleTable schedule) {
  std::size_t latents = 0;
  std::size_t noises = 0;
  for (const auto &[call, row] : spec.rows) {
    latents = std::max(latents, row.a.size());
    noises = std::max(noises, row.b.size());
  }
  std::vector<ScheduleRow> rows;
  for (const auto &[call, row] : spec.rows) {
    rows.push_back(schedule.rows[static_cast<std::size_t>(call)]);
    rows.back().a = row.a;
    rows.back().a.resize(latents);
    rows.back().b = row.b;
    rows.back().b.resize(noises);
    rows.back().c = 0;
  }
  schedule.rows = std::move(rows);
  return schedule;
}

Call make_call(const PlanSpec &spec, CallNumber number, double guidance, const std::vector<CallNumber> &deep_calls) {
  Call call;
  call.guidance = guidance;
  if (spec.deep.contains(number)) return call;
  call.is_shallow = true;
  call.branch = spec.branch_of(number);
  for (const double weight : spec.weights_of(number, deep_calls)) call.forecast.push_back(static_cast<float>(weight));
  return call;
}

void check_shallow(const Plan &plan, std::size_t index, const std::vector<bool> &deep_guided) {
  const Call &call = plan.calls[index];
  const std::size_t used = call.forecast.size();
  if (deep_guided.empty())
    throw InputError(join("plan: call ", index, " has no feature to reuse: the first call must be deep"));
  if (used < 1 || used > std::min(deep_guided.size(), most_history)) {
    throw InputError(join("plan: call ", index, " weighs ", used, " deep features, but only ", deep_guided.size(),
                          " come before it"));
  }
  if (!plan.schedule.rows[index].shallow_ok) {
    throw InputError(join("plan: call ", index, " of ", plan.schedule.scheduler, " must be deep"));
  }
  const bool is_fed = std::all_of(deep_guided.end() - static_cast<std::ptrdiff_t>(used), deep_guided.end(),
                                  [](bool guided) { return guided; });
  if (call.guided() && !is_fed) {
    throw InputError(join("plan: call ", index, " is guided, but the deep call it reuses was not"));
  }
}

void check_runnable(const Plan &plan) {
  if (!(plan.guidance_rescale >= 0 && plan.guidance_rescale <= 1)) {
    throw InputError(join("plan: guidance rescale: expected 0 to 1, got ", plan.guidance_rescale));
  }
  std::vector<bool> deep_guided;
  for (std::size_t index = 0; index < plan.calls.size(); ++index) {
    const Call &call = plan.calls[index];
    if (call.is_shallow) {
      check_shallow(plan, index, deep_guided);
    } else {
      deep_guided.push_back(call.guided());
    }
  }
}

template <typename Wanted>
std::vector<std::int64_t> branches_of(const std::vector<Call> &calls, Wanted wanted) {
  std::set<std::int64_t> found;
  for (const Call &call : calls) {
    if (call.is_shallow && wanted(call)) found.insert(call.branch);
  }
  return {found.begin(), found.end()};
}

}  // namespace

bool Plan::guided() const {
  return std::any_of(calls.begin(), calls.end(), [](const Call &call) { return call.guided(); });
}

std::vector<std::int64_t> Plan::branches() const {
  return branches_of(calls, [](const Call &) { return true; });
}

std::vector<std::int64_t> Plan::weighed_branches() const {
  return branches_of(calls, [](const Call &call) { return !call.holds(); });
}

std::size_t Plan::history() const {
  std::size_t most = 1;
  for (const Call &call : calls) most = std::max(most, call.forecast.size());
  return most;
}

Plan compile_plan(const PlanSpec &spec, const ScheduleTable &schedule, const Guidance &guidance) {
  if (!(std::abs(guidance.scale) <= most_guidance)) throw InputError("plan: guidance: expected a finite number");
  if (guidance.by == GuidanceBy::input) {
    if (spec.guided_calls) {
      throw InputError("plan: guided_calls: the model takes the guidance as an input of all calls: leave it out");
    }
    Plan told = compile_plan(spec, schedule, {1.0, 0.0, GuidanceBy::halves});
    told.guidance_input = guidance.scale;
    return told;
  }
  if (spec.steps.value_or(schedule.steps) != schedule.steps) {
    throw InputError(join("plan: expected a schedule of the plan's ", *spec.steps, " steps, got ", schedule.steps));
  }
  if (!spec.rows.empty()) check_solvable(spec, schedule);
  const auto total = static_cast<CallNumber>(schedule.rows.size());
  check_calls(spec, total);
  std::vector<CallNumber> deep_calls;
  for (CallNumber call = 0; call < total; ++call) {
    if (spec.deep.contains(call)) deep_calls.push_back(call);
  }
  Plan plan;
  for (CallNumber call = 0; call < total; ++call) {
    if (spec.skips(call)) continue;
    plan.calls.push_back(make_call(spec, call, spec.guides(call) ? guidance.scale : 1.0, deep_calls));
  }
  plan.schedule = spec.rows.empty() ? schedule : solved(spec, schedule);
  plan.guidance_rescale = guidance.rescale;
  check_runnable(plan);
  return plan;
}

}  // namespace accel::core
