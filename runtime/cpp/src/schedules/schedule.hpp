// Schedule tables: a scheduler as numbers, and the one recurrence that runs every scheduler.
//
// At UNet call k, with x the latents, e the guided model outputs, z normal noise:
//
//     u_k     = input_scale · x_k                             what the UNet is given
//     e_k     = model(u_k, timestep)
//     x_{k+1} = Σ_j a_j · x_{k-j} + Σ_j b_j · e_{k-j} + c · z_k
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/array.hpp"

namespace accel::core {

// One UNet call.
struct ScheduleRow {
  double timestep = 0;
  double input_scale = 1;
  std::vector<double> a;  // weights of the latents x_k, x_{k-1} …
  std::vector<double> b;  // weights of the model outputs e_k, e_{k-1} …
  double c = 0;           // weight of the fresh noise z_k
  bool draws = false;     // whether diffusers draws noise at this call, also where c is 0
  bool shallow_ok = false;
  std::optional<std::pair<double, double>> add_noise;  // of image and noise, of a loop that starts at this row
};

// A scheduler compiled for one step count.
struct ScheduleTable {
  std::string scheduler;
  std::int64_t steps = 0;
  std::int64_t begin = 0;
  double init_noise_sigma = 1;
  std::vector<ScheduleRow> rows;

  bool draws() const;
};

// Where the loop stands: the latents and the history that later rows may weigh, newest first.
class Recurrence {
 public:
  explicit Recurrence(Array latents) { x_.push_back(std::move(latents)); }

  const Array &latents() const { return x_.front(); }

  // Goes on from other latents; the history stays.
  void replace(Array latents) { x_.front() = std::move(latents); }

  // What the UNet is given at this call.
  Array model_input(const ScheduleRow &row) const;

  // Goes on with e_k, and with z_k where the row draws.
  void advance(const ScheduleRow &row, Array noise, const std::optional<Array> &draw);

 private:
  std::vector<Array> x_;
  std::vector<Array> e_;
};

}  // namespace accel::core
