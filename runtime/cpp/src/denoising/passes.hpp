// A plan's calls on the UNet: the features of the last deep calls stay in a ring of fixed buffers, and shallow calls
// are given weighted sums of them.
#pragma once

#include "denoising/unet.hpp"
#include "plans/plan.hpp"

namespace accel::core {

class Passes {
 public:
  Passes(UNet &unet, const Plan &plan);

  // One call: scaled latents [B, C, h, w] → noise, [2B, C, h, w] where the call is guided (negative half first).
  // `index` is the number of the call.
  Array run(const Call &call, const Array &sample, double timestep, std::size_t index);

 private:
  using Features = std::map<std::int64_t, Buffer>;

  // The features of the last deep call but `age`.
  const Features &past(std::size_t age) const;
  // The buffer that holds the forecast; where the last feature is held, that feature's own buffer.
  Buffer feature(const Call &call);

  UNet &unet_;
  std::vector<Features> ring_;
  Features forecasts_;
  std::size_t deep_calls_ = 0;
};

}  // namespace accel::core
