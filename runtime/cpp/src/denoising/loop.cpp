#include "denoising/loop.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "denoising/guidance.hpp"

namespace accel::core {
namespace {

bool is_finite(const Array &array) {
  return std::all_of(array.values.begin(), array.values.end(), [](float value) { return std::isfinite(value); });
}

}  // namespace

Array denoise(Passes &passes, const Plan &plan, Array latents, std::vector<TorchGenerator> &generators,
              const Blend *blend, const OnStep &on_step) {
  const Shape shape(latents.shape.begin() + 1, latents.shape.end());
  Recurrence state(std::move(latents));
  for (std::size_t index = 0; index < plan.calls.size(); ++index) {
    const Call &call = plan.calls[index];
    const ScheduleRow &row = plan.schedule.rows[index];
    Array noise = guide(passes.run(call, state.model_input(row), row.timestep, index), call, plan.guidance_rescale);
    const auto draw = row.draws ? std::optional(stacked_normal(generators, shape)) : std::nullopt;
    state.advance(row, std::move(noise), draw);
    if (!is_finite(state.latents())) {
      throw NumericsError(join("call ", index, call.is_shallow ? " (shallow" : " (deep", ", timestep ", row.timestep,
                               ") made NaN or infinite latents: ", numerics_advice));
    }
    if (blend != nullptr) state.replace(blend->after(index, state.latents()));
    on_step({index, plan.calls.size(), row.timestep, call.is_shallow, &state.latents()});
  }
  return state.latents();
}

}  // namespace accel::core
