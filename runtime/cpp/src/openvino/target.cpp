#include "openvino/target.hpp"

namespace accel::core::openvino {
namespace {

bool is_precision(const std::string &text) { return text == "bf16" || text == "f16" || text == "f32"; }

}  // namespace

bool Target::is_choice() const {
  const std::string chooser = device.substr(0, device.find(':'));
  return chooser == "AUTO" || chooser == "HETERO" || chooser == "MULTI";
}

std::optional<Target> parse_target(const std::string &provider) {
  const std::string name = "openvino";
  if (provider == name) return Target{};
  if (provider.rfind(name + ":", 0) != 0 || provider.size() == name.size() + 1) return std::nullopt;
  Target target;
  target.device = provider.substr(name.size() + 1);
  // Devices such as HETERO:GPU,CPU hold colons themselves.
  const std::size_t colon = target.device.rfind(':');
  const std::string last = colon == std::string::npos ? target.device : target.device.substr(colon + 1);
  if (!is_precision(last)) return target;
  target.precision = last;
  target.device = colon == std::string::npos || colon == 0 ? "CPU" : target.device.substr(0, colon);
  return target;
}

}  // namespace accel::core::openvino
