#include "denoising/passes.hpp"

namespace accel::core {

Passes::Passes(UNet &unet, const Plan &plan) : unet_(unet), ring_(plan.history()) {
  for (const std::int64_t branch : plan.branches()) {
    for (Features &features : ring_) features.emplace(branch, unet.new_feature(branch));
  }
  for (const std::int64_t branch : plan.weighed_branches()) forecasts_.emplace(branch, unet.new_feature(branch));
}

Array Passes::run(const Call &call, const Array &sample, double timestep, std::size_t index) {
  unet_.prepare(sample, timestep);
  unet_.begin(index);
  if (call.is_shallow) {
    unet_.shallow(call.branch, feature(call), call.guided());
  } else {
    ++deep_calls_;
    unet_.deep(past(0), call.guided());
  }
  return unet_.noise(call.guided());
}

const Passes::Features &Passes::past(std::size_t age) const {
  return ring_[(deep_calls_ + ring_.size() - 1 - age) % ring_.size()];
}

Buffer Passes::feature(const Call &call) {
  if (call.holds()) return past(0).at(call.branch);
  const Buffer target = forecasts_.at(call.branch);
  const Buffer used = unet_.rows(target, call.guided());
  Array total = Array::zeros(used.shape());
  Array values = Array::zeros(used.shape());
  for (std::size_t age = 0; age < call.forecast.size(); ++age) {
    unet_.rows(past(age).at(call.branch), call.guided()).read(values.values.data());
    const float weight = call.forecast[age];
    for (std::size_t at = 0; at < total.values.size(); ++at) {
      const float product = values.values[at] * weight;
      total.values[at] = age == 0 ? product : total.values[at] + product;
    }
  }
  used.write(total.values.data());
  return target;
}

}  // namespace accel::core
