// The contract between the loop and whatever executes graphs: buffers are bound once, and a call is then `run`, with
// nothing to look up (docs/design/0003-backends.md).
#pragma once

#include <map>
#include <memory>
#include <string>

#include "backends/buffer.hpp"
#include "bundle/dims.hpp"

namespace accel::core {

using Bound = std::map<std::string, Buffer>;

// A graph with every input and output tied to a buffer, which it keeps alive.
class BoundCall {
 public:
  virtual ~BoundCall() = default;

  // Executes once. Raises a `BackendError`.
  virtual void run() const = 0;
};

// A graph that is loaded and ready.
class Session {
 public:
  virtual ~Session() = default;

  // Ties buffers to the names of inputs and outputs. Raises a `BackendError` where they do not fit the graph.
  virtual std::unique_ptr<const BoundCall> bind(const Bound &inputs, const Bound &outputs) const = 0;
};

struct BackendOptions {
  std::string library;           // file of ONNX Runtime or of OpenVINO; empty takes the one that the linker finds
  std::string provider = "cpu";  // see `ort/providers.cpp` and `openvino/target.hpp`
  std::map<std::string, std::string> options;
  int threads = 0;  // inside an operator; 0 leaves the choice to the library
};

class Backend {
 public:
  virtual ~Backend() = default;

  // The backend of a provider. Raises an `InputError` where that is unknown, and a `BackendError` where it cannot be
  // had.
  static std::shared_ptr<const Backend> open(const BackendOptions &options);

  // Makes a session of a file. Where `fixes_sizes`, its open dimensions are fixed to `sizes`. Raises a `BackendError`.
  virtual std::shared_ptr<const Session> load(const std::string &path, const Sizes &sizes) const = 0;

  // Whether a session belongs to one set of sizes, as on providers that are no processor.
  virtual bool fixes_sizes() const = 0;

  // As forms of graphs know it: `cpu`, `cuda` …, `openvino`.
  virtual std::string name() const = 0;

  // What really runs: `onnxruntime 1.31.1, CPUExecutionProvider`.
  virtual std::string describe() const = 0;
};

}  // namespace accel::core
