// JSON read strictly: a value that is missing, unknown, of another type or out of range is told with its key.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "base/json_value.hpp"

namespace accel::core {

// A value in a document, and the key that it stands under. It lives no longer than its `JsonDocument`.
class Json {
 public:
  Json(const JsonValue *value, std::string key) : value_(value), key_(std::move(key)) {}

  const std::string &key() const { return key_; }

  // Raises `Malformed`, with the key.
  [[noreturn]] void refuse(const std::string &what) const;

  bool is_null() const;
  bool is_text() const;
  bool is_integer() const;

  // The member of an object. Raises `Malformed` where there is none.
  Json at(const std::string &name) const;
  // The same; nothing where there is none.
  std::optional<Json> find(const std::string &name) const;
  // Refuses members of an object that have none of these names.
  void only(std::initializer_list<const char *> names) const;

  std::string text(std::size_t longest = 1000) const;
  // One of some texts.
  std::string word(std::initializer_list<const char *> words) const;
  // 64 hexadecimal digits.
  std::string sha256() const;
  std::int64_t integer(std::int64_t least, std::int64_t most) const;
  double number(double least, double most) const;

  // Every member of an object of at most so many.
  void each_member(std::size_t most, const std::function<void(const std::string &, const Json &)> &take) const;
  // Every element of an array; refuses one that has fewer or more.
  std::vector<Json> elements(std::size_t fewest, std::size_t most) const;

 private:
  // The value, which must be of that kind.
  const JsonValue &expect(JsonValue::Kind kind) const;

  const JsonValue *value_;
  std::string key_;
};

// A parsed document.
class JsonDocument {
 public:
  // Raises `Malformed` where the bytes are no JSON.
  explicit JsonDocument(const std::string &raw) : value_(parse_json(raw)) {}

  Json root() const { return Json(&value_, ""); }

 private:
  JsonValue value_;
};

}  // namespace accel::core
