#include "openvino/session.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace accel::core {

using openvino::Owned;

namespace {

// Each may hold its own copy of the weights.
constexpr std::size_t shapes_kept = 4;

}  // namespace

std::unique_ptr<const BoundCall> OpenVinoSession::bind(const Bound &inputs, const Bound &outputs) const {
  Shapes shapes;
  for (const auto &[name, buffer] : inputs) shapes[name] = buffer.shape();
  auto call = std::make_unique<OpenVinoCall>(compiler_, compiled(shapes), path_);
  for (const auto &[name, buffer] : inputs) call->take(name, buffer);
  for (const auto &[name, buffer] : outputs) call->make(name, buffer);
  return call;
}

OpenVinoSession::Compiled OpenVinoSession::compiled(const Shapes &shapes) const {
  // One thread at a time, so that what two of them need is compiled once.
  const std::lock_guard lock(compiling_);
  const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const auto &each) { return each.first == shapes; });
  if (found != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, found);
  } else {
    kept_.emplace_front(shapes, compile(shapes));
    if (kept_.size() > shapes_kept) kept_.pop_back();
  }
  return kept_.front().second;
}

OpenVinoSession::Compiled OpenVinoSession::compile(const Shapes &shapes) const {
  const std::string what = path_ + ": OpenVINO cannot compile the graph";
  // The C API copies no models, so the file is read anew; weights are mapped, not copied.
  const Owned<openvino::Model> model = compiler_->read(path_);
  std::vector<const char *> names;
  std::vector<std::vector<openvino::Extent>> sizes;
  std::vector<openvino::PartialShape> partial;
  for (const auto &[name, shape] : shapes) {
    names.push_back(name.c_str());
    auto &extents = sizes.emplace_back();
    for (const std::int64_t size : shape) extents.push_back({size, size});
    const auto rank = static_cast<std::int64_t>(shape.size());
    partial.push_back({{rank, rank}, extents.data()});
  }
  compiler_->library().check(
      compiler_->api().model_reshape(model.get(), names.data(), partial.data(), partial.size()), what);
  return compiler_->compile(model.get(), what);
}

OpenVinoCall::OpenVinoCall(std::shared_ptr<const openvino::Compiler> compiler,
                           std::shared_ptr<openvino::Compiled> compiled, std::string path)
    : compiler_(std::move(compiler)),
      compiled_(std::move(compiled)),
      path_(std::move(path)),
      request_(nullptr, compiler_->api().infer_request_free) {
  openvino::Request *request = nullptr;
  compiler_->library().check(compiler_->api().compiled_model_create_infer_request(compiled_.get(), &request), path_);
  request_.reset(request);
}

void OpenVinoCall::take(const std::string &name, const Buffer &buffer) {
  const openvino::Api &api = compiler_->api();
  openvino::Port *port = nullptr;
  compiler_->library().check(api.compiled_model_input_by_name(compiled_.get(), name.c_str(), &port),
                             join(path_, ": no input ", name));
  const Owned<openvino::Port> owned(port, api.output_const_port_free);
  tie(name, buffer, owned.get());
}

void OpenVinoCall::make(const std::string &name, const Buffer &buffer) {
  const openvino::Api &api = compiler_->api();
  openvino::Port *port = nullptr;
  compiler_->library().check(api.compiled_model_output_by_name(compiled_.get(), name.c_str(), &port),
                             join(path_, ": no output ", name));
  const Owned<openvino::Port> owned(port, api.output_const_port_free);
  tie(name, buffer, owned.get());
}

void OpenVinoCall::tie(const std::string &name, const Buffer &buffer, const openvino::Port *port) {
  const openvino::Api &api = compiler_->api();
  const openvino::Library &library = compiler_->library();
  const std::string what = join(path_, ": ", name);
  openvino::Dims dims = {};
  library.check(api.const_port_get_shape(port, &dims), what);
  const Shape wanted(dims.sizes, dims.sizes + dims.rank);
  api.shape_free(&dims);
  openvino::ElementType type = 0;
  library.check(api.port_get_element_type(port, &type), what);
  Shape shape = buffer.shape();
  openvino::Tensor *tensor = nullptr;
  library.check(api.tensor_create_from_host_ptr(type, {static_cast<std::int64_t>(shape.size()), shape.data()},
                                                buffer.data(), &tensor),
                what);
  const Owned<openvino::Tensor> owned(tensor, api.tensor_free);
  std::size_t bytes = 0;
  library.check(api.tensor_get_byte_size(tensor, &bytes), what);
  if (shape != wanted || bytes != buffer.bytes()) {
    throw BackendError(join(what, ": expected ", shown(wanted), ", got ", name_of(buffer.dtype()), " ", shown(shape)));
  }
  buffers_.push_back(buffer);
  library.check(api.infer_request_set_tensor(request_.get(), name.c_str(), tensor), what);
}

void OpenVinoCall::run() const {
  compiler_->library().check(compiler_->api().infer_request_infer(request_.get()), path_ + ": the graph failed");
}

}  // namespace accel::core
