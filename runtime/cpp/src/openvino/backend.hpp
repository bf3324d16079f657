// OpenVINO as a backend, through its own C API, on the same ONNX files: what accel_runtime/backends/openvino.py does.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/backend.hpp"
#include "openvino/library.hpp"
#include "openvino/target.hpp"

namespace accel::core {

namespace openvino {

// What compiles graphs, shared by all sessions.
class Compiler {
 public:
  // Compiles the smallest graph there is: a device that cannot be had is said before any graph is read. Raises a
  // `BackendError`.
  Compiler(std::shared_ptr<const Library> library, Target target, const BackendOptions &options);

  const Library &library() const { return *library_; }
  const Api &api() const { return library_->api(); }
  const std::string &execution() const { return execution_; }

  Owned<Model> read(const std::string &path) const;

  // Raises a `BackendError` where that fails, or another device or precision than asked for would run.
  Owned<Compiled> compile(const Model *model, const std::string &what) const;

 private:
  using Properties = std::vector<std::pair<std::string, std::string>>;

  Owned<Compiled> compile(const Model *model, const Properties &properties, const std::string &what) const;
  Owned<Model> probe() const;
  std::string property(const Compiled *compiled, const char *key) const;
  // What runs the graph, as in `CPU, f32`.
  std::string check_execution(const Compiled *compiled) const;

  std::shared_ptr<const Library> library_;
  Target target_;
  Properties properties_;
  Owned<Core> core_;
  std::string execution_;
};

}  // namespace openvino

class OpenVinoBackend final : public Backend {
 public:
  // The one option is `cache_dir`, a folder for compiled graphs, each as large as its weights.
  static std::shared_ptr<const Backend> open(const BackendOptions &options, const openvino::Target &target);

  // Reads a graph; it is compiled when its shapes are bound.
  std::shared_ptr<const Session> load(const std::string &path, const Sizes &sizes) const override;
  bool fixes_sizes() const override { return false; }
  std::string name() const override { return "openvino"; }
  std::string describe() const override;

 private:
  explicit OpenVinoBackend(std::shared_ptr<const openvino::Compiler> compiler) : compiler_(std::move(compiler)) {}

  std::shared_ptr<const openvino::Compiler> compiler_;
};

}  // namespace accel::core
