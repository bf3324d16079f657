// The backend of ONNX Runtime: loads graphs on one of its execution providers.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "backends/backend.hpp"
#include "ort/library.hpp"

namespace accel::core {

class OrtBackend final : public Backend {
 public:
  // Raises an `InputError` where the provider is unknown, and a `BackendError` where it cannot be had.
  static std::shared_ptr<const Backend> open(const BackendOptions &options);

  // See `Backend`. Where the provider is no processor, nothing of the graph may be left to the host.
  std::shared_ptr<const Session> load(const std::string &path, const Sizes &sizes) const override;
  bool fixes_sizes() const override { return !on_host(); }
  std::string name() const override { return options_.provider; }
  std::string describe() const override;

 private:
  explicit OrtBackend(BackendOptions options) : options_(std::move(options)) {}

  bool on_host() const { return options_.provider == "cpu"; }
  void check_provider() const;
  void share_arena();
  ort::Owned<ort::SessionOptions> session_options() const;

  BackendOptions options_;
  std::shared_ptr<const ort::Library> library_;
  std::shared_ptr<ort::Env> env_;
};

}  // namespace accel::core
