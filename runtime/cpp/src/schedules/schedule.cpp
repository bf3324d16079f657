#include "schedules/schedule.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace accel::core {
namespace {

void add_product(Array &total, const Array &array, float weight) {
  for (std::size_t at = 0; at < total.values.size(); ++at) total.values[at] += array.values[at] * weight;
}

}  // namespace

bool ScheduleTable::draws() const {
  return std::any_of(rows.begin(), rows.end(), [](const ScheduleRow &row) { return row.draws; });
}

Array Recurrence::model_input(const ScheduleRow &row) const {
  Array scaled = latents();
  if (row.input_scale == 1.0) return scaled;
  const auto scale = static_cast<float>(row.input_scale);
  for (float &value : scaled.values) value *= scale;
  return scaled;
}

void Recurrence::advance(const ScheduleRow &row, Array noise, const std::optional<Array> &draw) {
  // Rounded to float32 after every product and sum; the order is part of the contract.
  Array next = x_.front();
  const auto first = static_cast<float>(row.a.front());
  for (float &value : next.values) value *= first;
  e_.insert(e_.begin(), std::move(noise));
  for (std::size_t age = 1; age < std::min(row.a.size(), x_.size()); ++age) {
    if (row.a[age] != 0) add_product(next, x_[age], static_cast<float>(row.a[age]));
  }
  for (std::size_t age = 0; age < std::min(row.b.size(), e_.size()); ++age) {
    if (row.b[age] != 0) add_product(next, e_[age], static_cast<float>(row.b[age]));
  }
  if (draw && row.c != 0) add_product(next, *draw, static_cast<float>(row.c));
  x_.insert(x_.begin(), std::move(next));
  if (x_.size() > row.a.size()) x_.resize(row.a.size());
  if (e_.size() > row.b.size() - 1) e_.resize(row.b.size() - 1);
}

}  // namespace accel::core
