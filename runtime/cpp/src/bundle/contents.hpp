// What a bundle brings beside its graphs, read once when it is opened: schedules, plans, tokenizers.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bundle/bundle.hpp"
#include "plans/spec.hpp"
#include "schedules/file.hpp"
#include "text/tokenizer.hpp"

namespace accel::core {

class Contents {
 public:
  // Raises a `BundleError` where a file cannot be read, or has changed.
  explicit Contents(std::shared_ptr<const Bundle> bundle);

  const Bundle &bundle() const { return *bundle_; }
  std::shared_ptr<const Bundle> shared_bundle() const { return bundle_; }

  // Names of schedulers and of plans, in alphabetical order.
  const std::vector<std::string> &schedulers() const { return schedulers_; }
  const std::vector<std::string> &plans() const { return plan_names_; }

  // The table of a scheduler, by short name or class in diffusers; without a name the bundle's default. Raises an
  // `InputError` where there is none.
  ScheduleTable schedule(std::int64_t steps, const std::optional<std::string> &scheduler,
                         const std::optional<double> &strength) const;

  // A plan by what `--plan` takes: a name of the bundle, `full`, `every:N`, `calls:0,3,7`, or the path of a file.
  PlanSpec plan(const std::string &text) const;

  // The tokenizer of a text encoder. Raises a `BundleError` where the bundle brings no table for it.
  const Tokenizer &tokenizer(const std::string &encoder) const;

 private:
  void read_plan_of(const std::string &name, const std::string &file);
  const ScheduleFile &schedule_file(const std::string &name) const;

  std::shared_ptr<const Bundle> bundle_;
  std::map<std::string, ScheduleFile> schedules_;
  std::map<std::string, PlanSpec> plans_;
  std::map<std::string, std::string> unsupported_plans_;  // and why
  std::map<std::string, Tokenizer> tokenizers_;
  std::vector<std::string> schedulers_;
  std::vector<std::string> plan_names_;
};

}  // namespace accel::core
