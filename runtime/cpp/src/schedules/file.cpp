#include "schedules/file.hpp"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <set>

#include "base/digits.hpp"
#include "base/error.hpp"
#include "base/safetensors.hpp"

namespace accel::core {
namespace {

constexpr std::size_t index_width = 6;
constexpr const char *keys[] = {"tables", "init_noise_sigma", "timestep", "input_scale", "a", "b", "c",
                                "draws",  "shallow_ok",       "add_noise"};

void check_finite(const std::string &key, const std::vector<double> &values, bool may_be_nan = false) {
  for (const double value : values) {
    // The loop computes in float32.
    const bool is_sound = std::abs(value) <= FLT_MAX || (may_be_nan && std::isnan(value));
    if (!is_sound) throw Malformed(key + ": holds a value that is not finite in float32");
  }
}

void check_rows(const std::string &key, std::size_t actual, std::size_t rows) {
  if (actual != rows) throw Malformed(join(key, ": expected ", rows, " rows, got ", actual));
}

std::vector<double> column(const Safetensors &file, const std::string &key, std::size_t rows) {
  std::vector<double> values = file.doubles(key, 1);
  check_rows(key, values.size(), rows);
  check_finite(key, values);
  return values;
}

// Weights of every row, of as many columns as the file has.
std::vector<std::vector<double>> matrix(const Safetensors &file, const std::string &key, std::size_t rows) {
  const std::vector<double> values = file.doubles(key, 2);
  const Shape &shape = file.at(key).shape;
  check_rows(key, static_cast<std::size_t>(shape[0]), rows);
  check_finite(key, values, key == "add_noise");
  const auto width = static_cast<std::ptrdiff_t>(shape[1]);
  std::vector<std::vector<double>> all;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(row) * width;
    all.emplace_back(first, first + width);
  }
  return all;
}

std::vector<std::int64_t> flags(const Safetensors &file, const std::string &key, std::size_t rows) {
  std::vector<std::int64_t> values = file.integers(key, 1);
  check_rows(key, values.size(), rows);
  return values;
}

void check_keys(const Safetensors &file) {
  std::set<std::string> known(std::begin(keys), std::end(keys));
  for (const auto &[key, array] : file.arrays) {
    if (known.erase(key) == 0) throw Malformed(key.substr(0, 60) + ": unknown");
  }
  if (!known.empty()) throw Malformed(*known.begin() + ": missing");
}

}  // namespace

ScheduleFile ScheduleFile::decode(const std::string &raw, const std::string &path) {
  try {
    ScheduleFile file;
    file.read(raw);
    return file;
  } catch (const Malformed &error) {
    throw BundleError(join(path, ": ", error.what()));
  }
}

void ScheduleFile::read(const std::string &raw) {
  const Safetensors file = parse_safetensors(raw);
  metadata_ = file.metadata;
  check_metadata();
  check_keys(file);
  const std::vector<std::int64_t> index = file.integers("tables", 2);
  if (file.at("tables").shape[1] != index_width) throw Malformed("tables: expected 6 columns");
  for (std::size_t at = 0; at < index.size(); at += index_width) {
    index_.push_back({index[at], index[at + 1], index[at + 2], index[at + 3], index[at + 4], index[at + 5]});
  }
  init_noise_sigma_ = column(file, "init_noise_sigma", index_.size());
  const auto rows = static_cast<std::size_t>(file.at("timestep").shape.empty() ? 0 : file.at("timestep").shape[0]);
  const auto timestep = column(file, "timestep", rows);
  const auto input_scale = column(file, "input_scale", rows);
  const auto a = matrix(file, "a", rows);
  const auto b = matrix(file, "b", rows);
  const auto c = column(file, "c", rows);
  const auto draws = flags(file, "draws", rows);
  const auto shallow_ok = flags(file, "shallow_ok", rows);
  const auto add_noise = matrix(file, "add_noise", rows);
  if (file.at("add_noise").shape[1] != 2) throw Malformed("add_noise: expected 2 columns");
  for (std::size_t at = 0; at < rows; ++at) {
    if (draws[at] != 0 && draws[at] != 1) throw Malformed("draws: a call draws more than one tensor");
    ScheduleRow row{timestep[at], input_scale[at], a[at], b[at], c[at], draws[at] == 1, shallow_ok[at] != 0, {}};
    if (!std::isnan(add_noise[at][0])) row.add_noise = {add_noise[at][0], add_noise[at][1]};
    rows_.push_back(std::move(row));
  }
  check_tables();
}

void ScheduleFile::check_metadata() const {
  const auto said = [this](const char *key) {
    const auto found = metadata_.find(key);
    return found == metadata_.end() ? std::string() : found->second;
  };
  if (said("format") != "accel-schedules") throw Malformed("format: expected 'accel-schedules'");
  if (said("version") != "2") throw Malformed("version: expected '2', got '" + said("version") + "'");
  if (said("scheduler").empty()) throw Malformed("scheduler: expected a name in the metadata");
  if (!parse_count(said("order"), 4)) throw Malformed("order: expected a number in the metadata");
  if (said("memoryless") != "yes" && said("memoryless") != "no") throw Malformed("memoryless: expected yes or no");
}

void ScheduleFile::check_tables() const {
  const auto rows = static_cast<std::int64_t>(rows_.size());
  for (const Index &entry : index_) {
    const bool is_inside =
        entry.first >= 0 && entry.count >= 1 && entry.first <= rows && entry.count <= rows - entry.first;
    const std::string table = join("the table for ", entry.steps, " steps ");
    if (!is_inside) throw Malformed(join("tables: ", table, "points outside the ", rows, " rows"));
    const ScheduleRow &first = rows_[static_cast<std::size_t>(entry.first)];
    const auto fits = [](std::int64_t weights, std::size_t width) {
      return weights >= 1 && weights <= static_cast<std::int64_t>(width);
    };
    if (!fits(entry.latents, first.a.size()) || !fits(entry.noises, first.b.size())) {
      throw Malformed("tables: " + table + "has other columns than the file");
    }
    if (first.shallow_ok) throw Malformed("shallow_ok: " + table + "has no features to reuse at call 0");
    for (std::int64_t at = 0; at < entry.count; ++at) {
      const ScheduleRow &row = rows_[static_cast<std::size_t>(entry.first + at)];
      const auto is_early = [at](const std::vector<double> &weights) {
        for (auto age = static_cast<std::size_t>(at) + 1; age < weights.size(); ++age) {
          if (weights[age] != 0) return true;
        }
        return false;
      };
      if (is_early(row.a) || is_early(row.b))
        throw Malformed("a, b: " + table + "weighs history that does not exist yet");
    }
  }
}

std::string ScheduleFile::scheduler_class() const {
  const auto found = metadata_.find("class");
  return found == metadata_.end() ? "" : found->second;
}

ScheduleTable ScheduleFile::table(std::int64_t steps, std::int64_t begin) const {
  if (auto found = find(steps, begin)) return *found;
  auto whole = metadata_.at("memoryless") == "yes" ? find(steps, 0) : std::nullopt;
  if (!whole) {
    const std::string wanted = begin == 0 ? "" : join(" from call ", begin, " on");
    throw InputError(join(scheduler(), ": no table for ", steps, " steps", wanted, ": whole ones are there for ",
                          step_ranges(), " steps"));
  }
  // The table of a memoryless scheduler that starts in the middle is the rest of the whole one.
  const bool is_inside = begin >= 0 && begin < static_cast<std::int64_t>(whole->rows.size());
  if (!is_inside || !whole->rows[static_cast<std::size_t>(begin)].add_noise) {
    throw InputError(join(scheduler(), ": ", steps, " steps cannot start at call ", begin));
  }
  whole->rows.erase(whole->rows.begin(), whole->rows.begin() + begin);
  whole->rows.front().shallow_ok = false;
  whole->begin = begin;
  return *whole;
}

std::optional<ScheduleTable> ScheduleFile::find(std::int64_t steps, std::int64_t begin) const {
  for (std::size_t at = 0; at < index_.size(); ++at) {
    if (index_[at].steps == steps && index_[at].begin == begin) return make(index_[at], init_noise_sigma_[at]);
  }
  return std::nullopt;
}

ScheduleTable ScheduleFile::make(const Index &entry, double init_noise_sigma) const {
  ScheduleTable table{scheduler(), entry.steps, entry.begin, init_noise_sigma, {}};
  table.rows.assign(rows_.begin() + entry.first, rows_.begin() + entry.first + entry.count);
  for (ScheduleRow &row : table.rows) {
    row.a.resize(static_cast<std::size_t>(entry.latents));
    row.b.resize(static_cast<std::size_t>(entry.noises));
  }
  return table;
}

std::string ScheduleFile::step_ranges() const {
  std::set<std::int64_t> steps;
  for (const Index &entry : index_) {
    if (entry.begin == 0) steps.insert(entry.steps);
  }
  std::vector<std::string> runs;
  for (auto first = steps.begin(); first != steps.end();) {
    auto last = first;
    for (auto next = std::next(last); next != steps.end() && *next == *last + 1; ++next) last = next;
    runs.push_back(first == last ? std::to_string(*first) : join(*first, "-", *last));
    first = std::next(last);
  }
  return runs.empty() ? "none" : listed(runs);
}

std::int64_t first_call(std::int64_t steps, double strength, std::int64_t order) {
  if (!(strength > 0 && strength <= 1)) {
    throw InputError(join("strength: expected more than 0 and at most 1, got ", strength));
  }
  const std::int64_t run = std::min(static_cast<std::int64_t>(static_cast<double>(steps) * strength), steps);
  if (run < 1) {
    throw InputError(join("strength ", strength, " of ", steps, " steps leaves none to run: expected a strength of ",
                          std::ceil(1000.0 / static_cast<double>(steps)) / 1000, " or more, or more steps"));
  }
  return (steps - run) * order;
}

}  // namespace accel::core
