// Plans of accel.h.
#include "abi/handles.hpp"

using accel::core::abi::guarded;
using accel::core::abi::required;
using accel::core::abi::required_text;

namespace {

constexpr std::int32_t most_branch = 1000;

// Changes a plan, which stays as it was where it would contradict itself then.
template <typename Change>
accel_status changed(accel_plan *plan, accel_error *error, Change change) {
  return guarded(error, [&] {
    accel::core::PlanSpec spec = required(plan, "plan").spec;
    change(spec);
    try {
      accel::core::check_plan(spec);
    } catch (const accel::core::Malformed &problem) {
      throw accel::core::InputError(accel::core::join("plan: ", problem.what()));
    }
    plan->spec = std::move(spec);
  });
}

void refuse_solved(const accel::core::PlanSpec &spec, const char *key) {
  if (spec.rows.empty() && !spec.solved_for) return;
  throw accel::core::InputError(
      accel::core::join("plan: it was solved for its own ", key, ": leave the ", key, " to the plan"));
}

void check_range(const char *key, std::int32_t number, std::int32_t least, std::int64_t most) {
  if (number >= least && number <= most) return;
  throw accel::core::InputError(accel::core::join("plan: ", key, ": expected ", least, " to ", most, ", got ", number));
}

}  // namespace

accel_status accel_plan_open(const accel_bundle *bundle, const char *text, accel_plan **plan, accel_error *error) {
  return guarded(error, [&] {
    accel_plan *&target = required(plan, "plan");
    target = nullptr;
    target = new accel_plan{required(bundle, "bundle").contents->plan(required_text(text, "text"))};
  });
}

accel_status accel_plan_parse(const char *json, std::size_t length, accel_plan **plan, accel_error *error) {
  return guarded(error, [&] {
    accel_plan *&target = required(plan, "plan");
    target = nullptr;
    if (length > accel::core::largest_plan) throw accel::core::InputError("plan: expected at most 1 MiB");
    target = new accel_plan{accel::core::parse_plan(std::string(&required(json, "json"), length), "plan")};
  });
}

void accel_plan_close(accel_plan *plan) { delete plan; }

accel_status accel_plan_set_scheduler(accel_plan *plan, const char *scheduler, accel_error *error) {
  return changed(plan, error, [&](accel::core::PlanSpec &spec) {
    const std::string name = required_text(scheduler, "scheduler");
    if (spec.scheduler != name) refuse_solved(spec, "scheduler");
    spec.scheduler = name;
  });
}

accel_status accel_plan_set_steps(accel_plan *plan, std::int32_t steps, accel_error *error) {
  return changed(plan, error, [&](accel::core::PlanSpec &spec) {
    check_range("steps", steps, 1, accel::core::most_steps);
    if (spec.steps != steps) refuse_solved(spec, "steps");
    spec.steps = steps;
  });
}

accel_status accel_plan_set_branch(accel_plan *plan, std::int32_t branch, accel_error *error) {
  return changed(plan, error, [&](accel::core::PlanSpec &spec) {
    check_range("branch", branch, 0, most_branch);
    spec.branch = branch;
  });
}

accel_status accel_plan_set_forecast(accel_plan *plan, const char *forecast, accel_error *error) {
  return changed(plan, error, [&](accel::core::PlanSpec &spec) {
    spec.forecast = accel::core::parse_forecast(required_text(forecast, "forecast"));
  });
}

accel_status accel_plan_set_guided_calls(accel_plan *plan, std::int32_t first, std::int32_t last, accel_error *error) {
  return changed(plan, error, [&](accel::core::PlanSpec &spec) {
    check_range("guided_calls", first, 0, accel::core::most_calls - 1);
    check_range("guided_calls", last, 0, accel::core::most_calls - 1);
    spec.guided_calls = {first, last};
  });
}

std::int32_t accel_plan_steps(const accel_plan *plan) {
  return plan == nullptr ? 0 : static_cast<std::int32_t>(plan->spec.steps.value_or(0));
}
