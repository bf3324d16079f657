#include "base/json.hpp"

#include <algorithm>

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

bool Json::is_null() const { return value_->kind == JsonValue::Kind::null; }

bool Json::is_text() const { return value_->kind == JsonValue::Kind::text; }

bool Json::is_integer() const { return value_->kind == JsonValue::Kind::integer; }

const JsonValue &Json::expect(JsonValue::Kind kind) const {
  if (value_->kind != kind) refuse(join("expected ", name_of(kind), ", got ", name_of(value_->kind)));
  return *value_;
}

Json Json::at(const std::string &name) const {
  auto found = find(name);
  if (!found) refuse(join("missing key `", name, "`"));
  return *found;
}

std::optional<Json> Json::find(const std::string &name) const {
  const auto &members = expect(JsonValue::Kind::object).members;
  const auto found = members.find(name);
  if (found == members.end()) return std::nullopt;
  return Json(&found->second, below(key_, name));
}

void Json::only(std::initializer_list<const char *> names) const {
  for (const auto &[name, member] : expect(JsonValue::Kind::object).members) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      refuse(join("unknown key `", name.substr(0, longest_shown), "`"));
    }
  }
}

std::string Json::text(std::size_t longest) const {
  const std::string &text = expect(JsonValue::Kind::text).text;
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
  const std::int64_t said = expect(JsonValue::Kind::integer).integer;
  if (said < least || said > most) refuse(join("expected ", least, " to ", most, ", got ", said));
  return said;
}

double Json::number(double least, double most) const {
  if (!is_integer()) expect(JsonValue::Kind::number);
  if (!(value_->number >= least && value_->number <= most)) {
    refuse(join("expected ", least, " to ", most, ", got ", value_->number));
  }
  return value_->number;
}

void Json::each_member(std::size_t most, const std::function<void(const std::string &, const Json &)> &take) const {
  const auto &members = expect(JsonValue::Kind::object).members;
  if (members.size() > most) refuse(join("expected at most ", most, " entries, got ", members.size()));
  for (const auto &[name, member] : members) take(name, Json(&member, below(key_, name)));
}

std::vector<Json> Json::elements(std::size_t fewest, std::size_t most) const {
  const auto &elements = expect(JsonValue::Kind::array).elements;
  if (elements.size() < fewest || elements.size() > most) {
    refuse(join("expected ", fewest, " to ", most, " entries, got ", elements.size()));
  }
  std::vector<Json> all;
  for (const JsonValue &element : elements) all.emplace_back(&element, key_ + "[" + std::to_string(all.size()) + "]");
  return all;
}

}  // namespace accel::core
