#include "bundle/onnx_file.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/digits.hpp"
#include "base/error.hpp"
#include "bundle/protobuf.hpp"

namespace accel::core {
namespace {

enum class Message { model, training, function, graph, node, attribute, sparse, tensor };

struct PartOf {
  Message within;
  std::uint64_t number;
  Message part;
  bool only_once;  // where protobuf would merge two of them, which a reader of each by itself does not see
};

// All that may hold a tensor, and so a reference to a file.
constexpr PartOf known_parts[] = {
    {Message::model, 7, Message::graph, true},          {Message::model, 20, Message::training, false},
    {Message::model, 25, Message::function, false},     {Message::training, 1, Message::graph, true},
    {Message::training, 2, Message::graph, true},       {Message::function, 7, Message::node, false},
    {Message::function, 11, Message::attribute, false}, {Message::graph, 1, Message::node, false},
    {Message::graph, 5, Message::tensor, false},        {Message::graph, 15, Message::sparse, false},
    {Message::node, 5, Message::attribute, false},      {Message::attribute, 5, Message::tensor, true},
    {Message::attribute, 6, Message::graph, true},      {Message::attribute, 10, Message::tensor, false},
    {Message::attribute, 11, Message::graph, false},    {Message::attribute, 22, Message::sparse, true},
    {Message::attribute, 23, Message::sparse, false},   {Message::sparse, 1, Message::tensor, true},
    {Message::sparse, 2, Message::tensor, true},
};
constexpr std::uint64_t graph_field = 7;
constexpr std::uint64_t input_field = 11;
constexpr std::uint64_t output_field = 12;
constexpr std::uint64_t external_field = 13;
constexpr int deepest_message = 100;  // protobuf's own limit
constexpr std::size_t longest_number = 19;

std::string text_of(const Field &field) {
  if (field.wire != Wire::bytes) throw Malformed("expected text");
  return std::string(field.bytes);
}

// A number of bytes: decimal, and of a size that a file can have.
std::uint64_t number_of(const std::string &text) {
  const auto number = parse_digits(text, longest_number);
  if (!number) throw Malformed(join("external data: expected a number of bytes, got '", text.substr(0, 40), "'"));
  return *number;
}

// The reference of a tensor, if it has one.
void read_external(std::string_view tensor, std::vector<ExternalData> &found) {
  std::map<std::string, std::string> said;
  for (const Field &field : read_fields(tensor)) {
    if (field.number != external_field || field.wire != Wire::bytes) continue;
    std::string entry[3];
    for (const Field &part : read_fields(field.bytes)) {
      if (part.wire == Wire::bytes && part.number <= 2) entry[part.number] = text_of(part);
    }
    if (!said.emplace(entry[1], entry[2]).second) throw Malformed("external data with two of '" + entry[1] + "'");
  }
  if (said.empty()) return;
  ExternalData data;
  data.location = said["location"];
  if (said.count("offset") == 1) data.offset = number_of(said["offset"]);
  if (said.count("length") == 1) data.length = number_of(said["length"]);
  found.push_back(data);
}

struct Waiting {
  Message message;
  std::string_view bytes;
  int depth;
};

// The parts of a message in which the key of a reference stands.
void wait_for_parts(const Waiting &whole, std::vector<Waiting> &waiting) {
  std::set<std::uint64_t> seen;
  for (const Field &field : read_fields(whole.bytes)) {
    const auto *part = std::find_if(std::begin(known_parts), std::end(known_parts), [&](const PartOf &each) {
      return each.within == whole.message && each.number == field.number;
    });
    if (part == std::end(known_parts) || field.wire != Wire::bytes) continue;
    if (!seen.insert(field.number).second && part->only_once) throw Malformed(join("field ", field.number, " twice"));
    // What does not hold the key holds no reference, however it is nested.
    if (field.bytes.find("location") != std::string_view::npos) {
      waiting.push_back({part->part, field.bytes, whole.depth + 1});
    }
  }
}

std::vector<ExternalData> external_of(std::string_view data) {
  std::vector<ExternalData> found;
  std::vector<Waiting> waiting = {{Message::model, data, 0}};
  while (!waiting.empty()) {
    const Waiting next = waiting.back();
    waiting.pop_back();
    if (next.depth > deepest_message) throw Malformed("nested too deeply");
    if (next.message == Message::tensor) {
      read_external(next.bytes, found);
    } else {
      wait_for_parts(next, waiting);
    }
  }
  return found;
}

std::string type_of(std::uint64_t element) {
  static const std::map<std::uint64_t, std::string> types = {
      {1, "float32"}, {6, "int32"}, {7, "int64"}, {10, "float16"}, {16, "bfloat16"}};
  const auto found = types.find(element);
  return found == types.end() ? join("element type ", element) : found->second;
}

std::string shape_of(std::string_view message) {
  std::vector<std::string> shape;
  for (const Field &dimension : read_fields(message)) {
    if (dimension.number != 1 || dimension.wire != Wire::bytes) continue;
    std::string said = "?";
    for (const Field &field : read_fields(dimension.bytes)) {
      if (field.number == 1 && field.wire == Wire::varint)
        said = std::to_string(static_cast<std::int64_t>(field.value));
      if (field.number == 2) said = text_of(field);
    }
    shape.push_back(said);
  }
  return "[" + listed(shape) + "]";
}

// The last field of that number in a message, where it holds bytes.
std::optional<std::string_view> within(std::string_view message, std::uint64_t number) {
  std::optional<std::string_view> found;
  for (const Field &field : read_fields(message)) {
    if (field.number == number && field.wire == Wire::bytes) found = field.bytes;
  }
  return found;
}

// A `ValueInfoProto`: name, and type → tensor → element type and shape → dimensions.
Port port_of(std::string_view value) {
  Port port{std::string(within(value, 1).value_or("")), type_of(0), "without a shape"};
  const auto type = within(value, 2);
  const auto tensor = type ? within(*type, 1) : std::nullopt;
  if (!tensor) return port;
  for (const Field &field : read_fields(*tensor)) {
    if (field.number == 1 && field.wire == Wire::varint) port.dtype = type_of(field.value);
    if (field.number == 2 && field.wire == Wire::bytes) port.shape = shape_of(field.bytes);
  }
  return port;
}

}  // namespace

OnnxFile parse_onnx(std::string_view data) {
  std::vector<std::string_view> graphs;
  for (const Field &field : read_fields(data)) {
    if (field.number == graph_field && field.wire == Wire::bytes) graphs.push_back(field.bytes);
  }
  if (graphs.size() != 1) throw Malformed(join("expected one graph, got ", graphs.size()));
  OnnxFile file;
  for (const Field &field : read_fields(graphs[0])) {
    if (field.wire != Wire::bytes) continue;
    if (field.number == input_field) file.inputs.push_back(port_of(field.bytes));
    if (field.number == output_field) file.outputs.push_back(port_of(field.bytes));
  }
  file.external = external_of(data);
  return file;
}

}  // namespace accel::core
