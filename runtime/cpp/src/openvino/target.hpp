// What runs a graph in OpenVINO, by the names of `accel --provider`: openvino, alone or followed by a device, a
// precision or both, as in openvino:GPU, openvino:f32 and openvino:HETERO:GPU,CPU:f16.
#pragma once

#include <optional>
#include <string>

namespace accel::core::openvino {

struct Target {
  std::string device = "CPU";
  std::string precision;  // what operators compute in; empty leaves it to OpenVINO

  // Whether OpenVINO itself chooses among devices.
  bool is_choice() const;
};

// Nothing where the provider is none of OpenVINO's own.
std::optional<Target> parse_target(const std::string &provider);

}  // namespace accel::core::openvino
