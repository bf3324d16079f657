// A value of a JSON document, parsed by nlohmann/json's parser into a tree of our own: theirs allocates where it is
// destroyed, and a process that is out of memory would end there.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace accel::core {

struct JsonValue {
  enum class Kind { null, boolean, integer, number, text, array, object };

  Kind kind = Kind::null;
  bool boolean = false;
  std::int64_t integer = 0;  // the largest one stands for all that are larger
  double number = 0;         // of an integer too
  std::string text;
  std::vector<JsonValue> elements;
  std::map<std::string, JsonValue> members;  // of members of one name the last
};

// As a reader of messages calls it.
const char *name_of(JsonValue::Kind kind);

// Raises `Malformed` where the text is no JSON, or is nested deeper than any document of ours.
JsonValue parse_json(const std::string &raw);

}  // namespace accel::core
