// Execution providers by the names that users give them.
#pragma once

#include <map>
#include <string>

#include "ort/library.hpp"

namespace accel::core {

// ONNX Runtime's name of a provider. Raises an `InputError` where we know none of that name.
std::string provider_name(const std::string &name);

// Adds the provider to a session's options; nothing for the processor's. Raises a `BackendError`.
void append_provider(const ort::Library &library, ort::SessionOptions *session_options, const std::string &name,
                     const std::map<std::string, std::string> &options);

}  // namespace accel::core
