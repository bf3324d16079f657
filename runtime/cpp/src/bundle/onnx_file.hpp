// What an ONNX file says of itself, read without a library of protocol buffers: which other files it reads, what it
// takes and gives. Numbers of fields: onnx.proto3 of ONNX 1.23.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace accel::core {

// Bytes of another file that a tensor is made of.
struct ExternalData {
  std::string location;  // as the graph names it: relative to the graph's own folder
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
};

// An input or output: its name, its type as the manifest calls it, its shape as the manifest writes it.
struct Port {
  std::string name;
  std::string dtype;
  std::string shape;
};

struct OnnxFile {
  std::vector<ExternalData> external;
  std::vector<Port> inputs;
  std::vector<Port> outputs;
};

// Raises `Malformed` where the bytes are no ONNX file, or say something twice.
OnnxFile parse_onnx(std::string_view data);

}  // namespace accel::core
