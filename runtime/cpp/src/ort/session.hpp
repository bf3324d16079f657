// One graph in ONNX Runtime: opened, bound to buffers, run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/backend.hpp"
#include "ort/library.hpp"

namespace accel::core {

class OrtSession final : public Session, public std::enable_shared_from_this<OrtSession> {
 public:
  OrtSession(std::shared_ptr<const ort::Library> library, std::shared_ptr<ort::Env> env,
             ort::Owned<ort::Session> session, std::string path)
      : library_(std::move(library)), env_(std::move(env)), session_(std::move(session)), path_(std::move(path)) {}

  std::unique_ptr<const BoundCall> bind(const Bound &inputs, const Bound &outputs) const override;

 private:
  friend class OrtCall;

  ort::Owned<ort::Value> value_of(const Buffer &buffer) const;

  // In this order: the last is released first.
  std::shared_ptr<const ort::Library> library_;
  std::shared_ptr<ort::Env> env_;
  ort::Owned<ort::Session> session_;
  std::string path_;
};

// A session with bound buffers.
class OrtCall final : public BoundCall {
 public:
  OrtCall(std::shared_ptr<const OrtSession> session, const Bound &inputs, const Bound &outputs);

  void run() const override;

 private:
  template <typename Bind>
  void tie(const Bound &bound, const std::string &what);

  std::shared_ptr<const OrtSession> session_;
  ort::Owned<ort::IoBinding> binding_;
  std::vector<ort::Owned<ort::Value>> values_;
  std::vector<Buffer> buffers_;
};

}  // namespace accel::core
