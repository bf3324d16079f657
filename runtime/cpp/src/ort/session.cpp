#include "ort/session.hpp"

#include "base/error.hpp"

namespace accel::core {
namespace {

int element_of(DType dtype) {
  switch (dtype) {
    case DType::float16:
      return ort::element_float16;
    case DType::int32:
      return ort::element_int32;
    case DType::int64:
      return ort::element_int64;
    default:
      return ort::element_float32;
  }
}

}  // namespace

OrtCall::OrtCall(std::shared_ptr<const OrtSession> session, const Bound &inputs, const Bound &outputs)
    : session_(std::move(session)), binding_(nullptr, nullptr) {
  const std::string what = session_->path_ + ": the buffers do not fit the graph";
  binding_ = session_->library_->make<ort::CreateIoBinding, ort::ReleaseIoBinding, ort::IoBinding>(
      what, session_->session_.get());
  tie<ort::BindInput>(inputs, what);
  tie<ort::BindOutput>(outputs, what);
}

template <typename Bind>
void OrtCall::tie(const Bound &bound, const std::string &what) {
  for (const auto &[name, buffer] : bound) {
    values_.push_back(session_->value_of(buffer));
    buffers_.push_back(buffer);
    const ort::Value *value = values_.back().get();
    session_->library_->check<Bind>(what, binding_.get(), name.c_str(), value);
  }
}

void OrtCall::run() const {
  session_->library_->check<ort::RunWithBinding>(session_->path_ + ": the graph failed", session_->session_.get(),
                                                 static_cast<const ort::RunOptions *>(nullptr),
                                                 static_cast<const ort::IoBinding *>(binding_.get()));
}

std::unique_ptr<const BoundCall> OrtSession::bind(const Bound &inputs, const Bound &outputs) const {
  return std::make_unique<const OrtCall>(shared_from_this(), inputs, outputs);
}

ort::Owned<ort::Value> OrtSession::value_of(const Buffer &buffer) const {
  const auto memory = library_->make<ort::CreateCpuMemoryInfo, ort::ReleaseMemoryInfo, ort::MemoryInfo>(
      path_, ort::device_allocator, ort::default_memory);
  return library_->make<ort::CreateTensorWithDataAsOrtValue, ort::ReleaseValue, ort::Value>(
      path_, static_cast<const ort::MemoryInfo *>(memory.get()), buffer.data(), buffer.bytes(), buffer.shape().data(),
      buffer.shape().size(), element_of(buffer.dtype()));
}

}  // namespace accel::core
