// One graph: opened, bound to buffers, run.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ort/buffer.hpp"
#include "ort/library.hpp"

namespace accel::core {

using Bound = std::map<std::string, Buffer>;

// A session with bound buffers, which it keeps alive.
class BoundCall {
 public:
  // Executes once. Raises a `BackendError`.
  void run() const;

 private:
  friend class Session;

  BoundCall(std::shared_ptr<const class Session> session, ort::Owned<ort::IoBinding> binding)
      : session_(std::move(session)), binding_(std::move(binding)) {}

  std::shared_ptr<const Session> session_;
  ort::Owned<ort::IoBinding> binding_;
  std::vector<ort::Owned<ort::Value>> values_;
  std::vector<Buffer> buffers_;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<const ort::Library> library, std::shared_ptr<ort::Env> env, ort::Owned<ort::Session> session,
          std::string path)
      : library_(std::move(library)), env_(std::move(env)), session_(std::move(session)), path_(std::move(path)) {}

  // Ties buffers to the names of inputs and outputs. Raises a `BackendError` where they do not fit the graph.
  BoundCall bind(const Bound &inputs, const Bound &outputs) const;

 private:
  friend class BoundCall;

  ort::Owned<ort::Value> value_of(const Buffer &buffer) const;

  // In this order: the last is released first.
  std::shared_ptr<const ort::Library> library_;
  std::shared_ptr<ort::Env> env_;
  ort::Owned<ort::Session> session_;
  std::string path_;
};

}  // namespace accel::core
