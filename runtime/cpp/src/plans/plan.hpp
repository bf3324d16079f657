// The compiled plan: a row and a call for each UNet call that runs, all numbers. The loop runs nothing else.
#pragma once

#include <optional>
#include <vector>

#include "manifest/manifest.hpp"
#include "plans/spec.hpp"
#include "schedules/schedule.hpp"

namespace accel::core {

// A call of the whole UNet or, with a forecast, of the outermost blocks on a feature made from past deep ones.
struct Call {
  double guidance = 1;
  bool is_shallow = false;
  std::int64_t branch = 0;
  std::vector<float> forecast;  // weights of the last deep features, newest first

  // Whether the UNet also runs without the prompt; diffusers skips that at guidance ≤ 1.
  bool guided() const { return guidance > 1.0; }
  // Whether the last deep feature is taken as it is.
  bool holds() const { return forecast == std::vector<float>{1.0F}; }
};

struct Plan {
  ScheduleTable schedule;
  std::vector<Call> calls;
  double guidance_rescale = 0;
  // Guidance scale that the denoiser takes as an input; no call is guided then.
  std::optional<double> guidance_input;

  bool guided() const;
  // The branches that some shallow call uses, ascending, and those whose features are forecast and not only held.
  std::vector<std::int64_t> branches() const;
  std::vector<std::int64_t> weighed_branches() const;
  // How many deep features the loop must keep.
  std::size_t history() const;
};

struct Guidance {
  double scale = 7.5;
  double rescale = 0;
  GuidanceBy by = GuidanceBy::halves;
};

// Compiles a plan on the schedule of its scheduler and steps. Raises an `InputError` where it does not fit the
// schedule, or cannot be run.
Plan compile_plan(const PlanSpec &spec, const ScheduleTable &schedule, const Guidance &guidance);

}  // namespace accel::core
