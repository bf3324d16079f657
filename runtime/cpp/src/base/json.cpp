#include "base/json.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace accel::core {
namespace {

constexpr std::size_t longest_shown = 60;

std::string below(const std::string &key, const std::string &name) { return key.empty() ? name : key + "." + name; }

bool is_hexadecimal(const std::string &text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

void Json::refuse(const std::string &what) const { throw Malformed(key_.empty() ? what : key_ + ": " + what); }

bool Json::is_null() const { return value_->is_null(); }

bool Json::is_text() const { return value_->is_string(); }

bool Json::is_object() const { return value_->is_object(); }

bool Json::is_integer() const { return value_->is_number_integer(); }

Json Json::at(const std::string &name) const {
  auto found = find(name);
  if (!found) refuse(join("missing key `", name, "`"));
  return *found;
}

std::optional<Json> Json::find(const std::string &name) const {
  if (!value_->is_object()) refuse(join("expected an object, got ", value_->type_name()));
  const auto found = value_->find(name);
  if (found == value_->end()) return std::nullopt;
  return Json(&*found, below(key_, name));
}

void Json::only(std::initializer_list<const char *> names) const {
  if (!value_->is_object()) refuse(join("expected an object, got ", value_->type_name()));
  for (const auto &[name, member] : value_->items()) {
    if (std::none_of(names.begin(), names.end(), [&name = name](const char *known) { return name == known; })) {
      refuse(join("unknown key `", name.substr(0, longest_shown), "`"));
    }
  }
}

std::string Json::text(std::size_t longest) const {
  if (!value_->is_string()) refuse(join("expected text, got ", value_->type_name()));
  const auto &text = value_->get_ref<const std::string &>();
  if (text.size() > longest) refuse(join("expected at most ", longest, " bytes of text, got ", text.size()));
  return text;
}

std::string Json::word(std::initializer_list<const char *> words) const {
  const std::string said = text();
  if (std::none_of(words.begin(), words.end(), [&said](const char *word) { return said == word; })) {
    refuse(join("expected one of ", listed(words), ", got '", said.substr(0, longest_shown), "'"));
  }
  return said;
}

std::string Json::sha256() const {
  std::string digits = text();
  if (digits.size() != 64 || !is_hexadecimal(digits)) refuse("expected 64 hexadecimal digits");
  return digits;
}

std::int64_t Json::integer(std::int64_t least, std::int64_t most) const {
  if (!value_->is_number_integer()) refuse(join("expected a whole number, got ", value_->type_name()));
  const bool is_huge = value_->is_number_unsigned() && value_->get<std::uint64_t>() > std::uint64_t{INT64_MAX};
  const auto said = is_huge ? INT64_MAX : value_->get<std::int64_t>();
  if (is_huge || said < least || said > most) refuse(join("expected ", least, " to ", most, ", got ", value_->dump()));
  return said;
}

double Json::number(double least, double most) const {
  if (!value_->is_number()) refuse(join("expected a number, got ", value_->type_name()));
  const auto said = value_->get<double>();
  if (!(said >= least && said <= most)) refuse(join("expected ", least, " to ", most, ", got ", said));
  return said;
}

bool Json::boolean() const {
  if (!value_->is_boolean()) refuse(join("expected true or false, got ", value_->type_name()));
  return value_->get<bool>();
}

void Json::each_member(std::size_t most, const std::function<void(const std::string &, const Json &)> &take) const {
  if (!value_->is_object()) refuse(join("expected an object, got ", value_->type_name()));
  if (value_->size() > most) refuse(join("expected at most ", most, " entries, got ", value_->size()));
  for (const auto &[name, member] : value_->items()) take(name, Json(&member, below(key_, name)));
}

std::vector<Json> Json::elements(std::size_t fewest, std::size_t most) const {
  if (!value_->is_array()) refuse(join("expected a list, got ", value_->type_name()));
  if (value_->size() < fewest || value_->size() > most) {
    refuse(join("expected ", fewest, " to ", most, " entries, got ", value_->size()));
  }
  std::vector<Json> all;
  for (const auto &element : *value_) all.emplace_back(&element, join(key_, "[", all.size(), "]"));
  return all;
}

JsonDocument::JsonDocument(const std::string &raw) {
  try {
    value_ = std::make_unique<nlohmann::json>(nlohmann::json::parse(raw));
  } catch (const nlohmann::json::exception &error) {
    const std::string text = error.what();
    throw Malformed(join("no JSON: ", text.substr(std::min(text.find("] ") + 2, text.size()))));
  }
}

JsonDocument::~JsonDocument() = default;

Json JsonDocument::root() const { return Json(value_.get(), ""); }

std::string json_text(const std::string &text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace accel::core
