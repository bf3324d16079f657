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

void BoundCall::run() const {
  session_->library_->check<ort::RunWithBinding>(session_->path_ + ": the graph failed", session_->session_.get(),
                                                 static_cast<const ort::RunOptions *>(nullptr),
                                                 static_cast<const ort::IoBinding *>(binding_.get()));
}

BoundCall Session::bind(const Bound &inputs, const Bound &outputs) const {
  const std::string what = path_ + ": the buffers do not fit the graph";
  BoundCall call(shared_from_this(),
                 library_->make<ort::CreateIoBinding, ort::ReleaseIoBinding, ort::IoBinding>(what, session_.get()));
  const auto tie = [&](const Bound &bound, bool is_input) {
    for (const auto &[name, buffer] : bound) {
      call.values_.push_back(value_of(buffer));
      call.buffers_.push_back(buffer);
      const ort::Value *value = call.values_.back().get();
      if (is_input) {
        library_->check<ort::BindInput>(what, call.binding_.get(), name.c_str(), value);
      } else {
        library_->check<ort::BindOutput>(what, call.binding_.get(), name.c_str(), value);
      }
    }
  };
  tie(inputs, true);
  tie(outputs, false);
  return call;
}

ort::Owned<ort::Value> Session::value_of(const Buffer &buffer) const {
  const auto memory = library_->make<ort::CreateCpuMemoryInfo, ort::ReleaseMemoryInfo, ort::MemoryInfo>(
      path_, ort::device_allocator, ort::default_memory);
  return library_->make<ort::CreateTensorWithDataAsOrtValue, ort::ReleaseValue, ort::Value>(
      path_, static_cast<const ort::MemoryInfo *>(memory.get()), buffer.data(), buffer.bytes(), buffer.shape().data(),
      buffer.shape().size(), element_of(buffer.dtype()));
}

}  // namespace accel::core
