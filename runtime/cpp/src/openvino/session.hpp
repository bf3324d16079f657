// One graph in OpenVINO: compiled for each set of shapes that is bound.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "backends/backend.hpp"
#include "openvino/backend.hpp"

namespace accel::core {

class OpenVinoSession final : public Session {
 public:
  OpenVinoSession(std::shared_ptr<const openvino::Compiler> compiler, std::string path)
      : compiler_(std::move(compiler)), path_(std::move(path)) {}

  // Hands the buffers' memory to a request of its own; the file is read where the shapes are new.
  std::unique_ptr<const BoundCall> bind(const Bound &inputs, const Bound &outputs) const override;

 private:
  using Shapes = std::map<std::string, Shape>;
  using Compiled = std::shared_ptr<openvino::Compiled>;

  // Compiled for these shapes; those that were used last stay.
  Compiled compiled(const Shapes &shapes) const;
  Compiled compile(const Shapes &shapes) const;

  std::shared_ptr<const openvino::Compiler> compiler_;
  std::string path_;
  mutable std::mutex compiling_;
  mutable std::list<std::pair<Shapes, Compiled>> kept_;  // newest first
};

// A request whose tensors are the buffers' memory.
class OpenVinoCall final : public BoundCall {
 public:
  OpenVinoCall(std::shared_ptr<const openvino::Compiler> compiler, std::shared_ptr<openvino::Compiled> compiled,
               std::string path);

  void run() const override;

  // Each raises a `BackendError` where the graph has no such port, or of another size.
  void take(const std::string &name, const Buffer &buffer);
  void make(const std::string &name, const Buffer &buffer);

 private:
  void tie(const std::string &name, const Buffer &buffer, const openvino::Port *port);

  // In this order: the last is released first.
  std::shared_ptr<const openvino::Compiler> compiler_;
  std::shared_ptr<openvino::Compiled> compiled_;
  std::string path_;
  openvino::Owned<openvino::Request> request_;
  std::vector<Buffer> buffers_;
};

}  // namespace accel::core
