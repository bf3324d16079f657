// Classifier-free guidance (arXiv:2207.12598).
#pragma once

#include "base/array.hpp"
#include "plans/plan.hpp"

namespace accel::core {

// [2B, …], negative half first → [B, …]; the noise itself where the call is not guided. `rescale` says how far each
// image's deviation is brought back to the prompt half's (arXiv:2305.08891, section 3.4).
Array guide(Array noise, const Call &call, double rescale);

}  // namespace accel::core
