#include "bundle/contents.hpp"

#include "base/error.hpp"

namespace accel::core {
namespace {

constexpr std::size_t longest_name_shown = 60;
// Stands for the pipeline's own scheduler, which may be of the same class as another one with other values.
constexpr const char *own_scheduler = "pipeline";

}  // namespace

Contents::Contents(std::shared_ptr<const Bundle> bundle) : bundle_(std::move(bundle)) {
  const Manifest &manifest = bundle_->manifest();
  for (const auto &[name, file] : manifest.schedules) {
    schedules_.emplace(name, ScheduleFile::decode(bundle_->read(file), bundle_->path(file)));
    schedulers_.push_back(name);
  }
  for (const auto &[name, file] : manifest.plans) {
    read_plan_of(name, file);
    plan_names_.push_back(name);
  }
  for (const auto &[encoder, text] : manifest.texts) {
    if (!text.table) continue;
    TokenizerTable table = TokenizerTable::decode(bundle_->read(*text.table), bundle_->path(*text.table));
    tokenizers_.emplace(encoder, Tokenizer(std::move(table), text));
  }
}

// One that cannot be run leaves the others, and the bundle, as good as they are.
void Contents::read_plan_of(const std::string &name, const std::string &file) {
  try {
    plans_.emplace(name, parse_plan(bundle_->read(file, largest_plan), bundle_->path(file), Status::bundle));
  } catch (const UnsupportedPlan &error) {
    unsupported_plans_.emplace(name, error.what());
  }
}

ScheduleTable Contents::schedule(std::int64_t steps, const std::optional<std::string> &scheduler,
                                 const std::optional<double> &strength) const {
  const ScheduleFile &file = schedule_file(scheduler.value_or(bundle_->manifest().default_scheduler));
  return file.table(steps, strength ? first_call(steps, *strength, file.order()) : 0);
}

const ScheduleFile &Contents::schedule_file(const std::string &name) const {
  const auto found = schedules_.find(name);
  if (found != schedules_.end()) return found->second;
  const ScheduleFile *own = nullptr;
  for (const auto &[short_name, file] : schedules_) {
    if (file.scheduler_class() != name) continue;
    if (short_name != own_scheduler) return file;
    own = &file;
  }
  if (own != nullptr) return *own;
  throw InputError(join("scheduler '", name.substr(0, longest_name_shown), "' is not in the bundle: there is ",
                        listed(schedulers_)));
}

PlanSpec Contents::plan(const std::string &text) const {
  const auto named = plans_.find(text);
  if (named != plans_.end()) return named->second;
  const auto unsupported = unsupported_plans_.find(text);
  if (unsupported != unsupported_plans_.end()) throw InputError(unsupported->second);
  if (text.rfind("rule:", 0) == 0) {
    throw InputError(join("plan '", text.substr(0, longest_name_shown),
                          "': only the Python runtime runs rules: expected ",
                          "full, every:N, calls:0,3,7, a file or a plan of the bundle"));
  }
  if (const auto deep = parse_deep_calls(text)) {
    PlanSpec spec;
    spec.deep = *deep;
    try {
      check_plan(spec);
    } catch (const Malformed &error) {
      throw InputError(join("plan: ", error.what()));
    }
    return spec;
  }
  if (exists(text)) return read_plan(text);
  throw InputError(join("plan '", text.substr(0, longest_name_shown),
                        "': expected full, every:N with N ≥ 1, calls:0,3,7, a file",
                        plan_names_.empty() ? "" : ", or a plan of the bundle: ", listed(plan_names_)));
}

const Tokenizer &Contents::tokenizer(const std::string &encoder) const {
  const auto found = tokenizers_.find(encoder);
  if (found != tokenizers_.end()) return found->second;
  throw BundleError(join(bundle_->folder(), ": no table of the tokenizer of ", encoder,
                         ", which is not CLIP's: it can only be run from Python"));
}

}  // namespace accel::core
