// Schedule files: all tables of one scheduler, as the bundle keeps them; accel_runtime/schedules/file.py has the
// layout.
#pragma once

#include <map>
#include <string>

#include "schedules/schedule.hpp"

namespace accel::core {

// The tables of one scheduler.
class ScheduleFile {
 public:
  // Reads and checks the bytes of a file. Raises a `BundleError` where they are malformed; `path` is for that.
  static ScheduleFile decode(const std::string &raw, const std::string &path);

  const std::string &scheduler() const { return metadata_.at("scheduler"); }
  // The scheduler's class in diffusers; empty where the exporter does not say.
  std::string scheduler_class() const;
  // How many calls img2img counts as a step.
  std::int64_t order() const { return std::stol(metadata_.at("order")); }

  // The table for so many steps that starts at a call. Raises an `InputError` where there is none.
  ScheduleTable table(std::int64_t steps, std::int64_t begin) const;

 private:
  struct Index {
    std::int64_t steps, begin, first, count, latents, noises;
  };

  std::optional<ScheduleTable> find(std::int64_t steps, std::int64_t begin) const;
  ScheduleTable make(const Index &entry, double init_noise_sigma) const;
  std::string step_ranges() const;

  void read(const std::string &raw);
  void check_metadata() const;
  void check_tables() const;

  std::map<std::string, std::string> metadata_;
  std::vector<Index> index_;
  std::vector<double> init_noise_sigma_;
  std::vector<ScheduleRow> rows_;  // with as many weights as the file has columns
};

// The call that img2img starts at, as diffusers' pipelines count. Raises an `InputError` where the strength is out of
// range, or so small that no step is left.
std::int64_t first_call(std::int64_t steps, double strength, std::int64_t order);

}  // namespace accel::core
