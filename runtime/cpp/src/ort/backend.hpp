// The backend: loads graphs on one execution provider of ONNX Runtime.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "bundle/dims.hpp"
#include "ort/library.hpp"
#include "ort/session.hpp"

namespace accel::core {

struct BackendOptions {
  std::string library;           // file of ONNX Runtime; empty takes the one that the linker finds
  std::string provider = "cpu";  // see `providers.cpp`
  std::map<std::string, std::string> options;
  int threads = 0;  // inside an operator; 0 leaves the choice to ONNX Runtime
};

class Backend {
 public:
  // Raises an `InputError` where the provider is unknown, and a `BackendError` where it cannot be had.
  static std::shared_ptr<const Backend> open(const BackendOptions &options);

  // Makes a session of a file. Where the provider is no processor, its open dimensions are fixed to `sizes`, and
  // nothing of it may be left to the host. Raises a `BackendError`.
  std::shared_ptr<const Session> load(const std::string &path, const Sizes &sizes) const;

  bool on_host() const { return options_.provider == "cpu"; }

  // What really runs: `onnxruntime 1.31.1, CPUExecutionProvider`.
  std::string describe() const;

 private:
  explicit Backend(BackendOptions options) : options_(std::move(options)) {}

  void check_provider() const;
  void share_arena();
  ort::Owned<ort::SessionOptions> session_options() const;

  BackendOptions options_;
  std::shared_ptr<const ort::Library> library_;
  std::shared_ptr<ort::Env> env_;
};

}  // namespace accel::core
