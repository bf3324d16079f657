#include "base/json_value.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace accel::core {
namespace {

constexpr std::size_t deepest = 64;

// Builds the tree from what the parser finds. Its names are the parser's.
class Builder {
 public:
  using Parser = nlohmann::json;

  JsonValue take() { return std::move(root_); }

  bool null() {
    place(JsonValue::Kind::null);
    return true;
  }
  bool boolean(bool value) {
    place(JsonValue::Kind::boolean).boolean = value;
    return true;
  }
  bool number_integer(Parser::number_integer_t value) {
    JsonValue &placed = place(JsonValue::Kind::integer);
    placed.integer = value;
    placed.number = static_cast<double>(value);
    return true;
  }
  bool number_unsigned(Parser::number_unsigned_t value) {
    JsonValue &placed = place(JsonValue::Kind::integer);
    placed.integer = static_cast<std::int64_t>(std::min(value, Parser::number_unsigned_t{INT64_MAX}));
    placed.number = static_cast<double>(value);
    return true;
  }
  bool number_float(Parser::number_float_t value, const std::string &) {
    place(JsonValue::Kind::number).number = value;
    return true;
  }
  bool string(std::string &value) {
    place(JsonValue::Kind::text).text = std::move(value);
    return true;
  }
  bool binary(Parser::binary_t &) { return false; }
  bool start_object(std::size_t) { return open(JsonValue::Kind::object); }
  bool start_array(std::size_t) { return open(JsonValue::Kind::array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string &name) {
    key_ = std::move(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string &, const nlohmann::detail::exception &error) {
    const std::string what = error.what();
    const std::size_t prefix = what.find("] ");
    throw Malformed(
        join("no JSON: at byte ", position, ": ", what.substr(prefix == std::string::npos ? 0 : prefix + 2)));
  }

 private:
  JsonValue &place(JsonValue::Kind kind) {
    JsonValue *placed = &root_;
    if (!open_.empty() && open_.back()->kind == JsonValue::Kind::array) {
      placed = &open_.back()->elements.emplace_back();
    } else if (!open_.empty()) {
      placed = &(open_.back()->members[key_] = JsonValue());
    }
    placed->kind = kind;
    return *placed;
  }
  bool open(JsonValue::Kind kind) {
    if (open_.size() == deepest) throw Malformed("no JSON: nested too deeply");
    open_.push_back(&place(kind));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  JsonValue root_;
  std::vector<JsonValue *> open_;  // from the outermost: none of them moves while what is in it grows
  std::string key_;
};

}  // namespace

const char *name_of(JsonValue::Kind kind) {
  constexpr const char *names[] = {"null", "a truth value", "a whole number", "a number",
                                   "text", "a list",        "an object"};
  return names[static_cast<std::size_t>(kind)];
}

JsonValue parse_json(const std::string &raw) {
  Builder builder;
  nlohmann::json::sax_parse(raw, &builder);
  return builder.take();
}

}  // namespace accel::core
