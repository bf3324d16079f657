#include "openvino/backend.hpp"

#include <sstream>

#include "base/error.hpp"
#include "openvino/session.hpp"

namespace accel::core {

namespace openvino {
namespace {

constexpr const char *cache_option = "cache_dir";
constexpr std::size_t most_properties = 5;

// One relu.
constexpr const char *smallest_model = R"(<?xml version="1.0"?><net name="probe" version="11"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="1" element_type="f32"/>
<output><port id="0" precision="FP32"><dim>1</dim></port></output></layer>
<layer id="1" name="relu" type="ReLU" version="opset1"><input><port id="0" precision="FP32"><dim>1</dim></port></input>
<output><port id="1" precision="FP32"><dim>1</dim></port></output></layer>
<layer id="2" name="y" type="Result" version="opset1"><input><port id="0" precision="FP32"><dim>1</dim></port></input>
</layer></layers><edges><edge from-layer="0" from-port="0" to-layer="1" to-port="0"/>
<edge from-layer="1" from-port="1" to-layer="2" to-port="0"/></edges></net>)";

}  // namespace

Compiler::Compiler(std::shared_ptr<const Library> library, Target target, const BackendOptions &options)
    : library_(std::move(library)), target_(std::move(target)), core_(nullptr, library_->api().core_free) {
  Core *core = nullptr;
  library_->check(api().core_create(&core), "OpenVINO cannot start");
  core_.reset(core);
  // One image at a time: everything works on one call, and more streams would only hold more memory.
  properties_ = {{"PERFORMANCE_HINT", "LATENCY"}};
  // Pinned threads wait for the very cores that other processes use.
  if (target_.device == "CPU") properties_.emplace_back("ENABLE_CPU_PINNING", "NO");
  if (!target_.precision.empty()) properties_.emplace_back("INFERENCE_PRECISION_HINT", target_.precision);
  if (options.threads > 0) properties_.emplace_back("INFERENCE_NUM_THREADS", std::to_string(options.threads));
  const Owned<Model> smallest = probe();
  const auto compiled =
      compile(smallest.get(), properties_, join("OpenVINO cannot use '", target_.device, "'"));
  execution_ = check_execution(compiled.get());
  const auto cache = options.options.find(cache_option);
  if (cache != options.options.end()) properties_.emplace_back("CACHE_DIR", cache->second);
}

Owned<Model> Compiler::read(const std::string &path) const {
  Model *model = nullptr;
  library_->check(api().core_read_model(core_.get(), path.c_str(), nullptr, &model),
                  path + ": OpenVINO cannot load the graph");
  return {model, api().model_free};
}

Owned<Compiled> Compiler::compile(const Model *model, const std::string &what) const {
  auto compiled = compile(model, properties_, what);
  check_execution(compiled.get());
  return compiled;
}

Owned<Compiled> Compiler::compile(const Model *model, const Properties &properties, const std::string &what) const {
  const char *texts[2 * most_properties] = {};
  for (std::size_t at = 0; at < properties.size(); ++at) {
    texts[2 * at] = properties[at].first.c_str();
    texts[2 * at + 1] = properties[at].second.c_str();
  }
  Compiled *compiled = nullptr;
  // It takes as many of the texts as it is told.
  library_->check(
      api().core_compile_model(core_.get(), model, target_.device.c_str(), 2 * properties.size(), &compiled, texts[0],
                               texts[1], texts[2], texts[3], texts[4], texts[5], texts[6], texts[7], texts[8], texts[9]),
      what);
  return {compiled, api().compiled_model_free};
}

Owned<Model> Compiler::probe() const {
  const std::string text = smallest_model;
  Model *model = nullptr;
  library_->check(
      api().core_read_model_from_memory_buffer(core_.get(), text.c_str(), text.size(), nullptr, &model),
      "OpenVINO cannot read its own format");
  return {model, api().model_free};
}

std::string Compiler::property(const Compiled *compiled, const char *key) const {
  char *value = nullptr;
  // Some devices have no such property.
  if (api().compiled_model_get_property(compiled, key, &value) != 0 || value == nullptr) return "";
  const std::string text = value;
  api().free(value);
  return text;
}

std::string Compiler::check_execution(const Compiled *compiled) const {
  const std::string devices = property(compiled, "EXECUTION_DEVICES");
  std::istringstream names(devices);
  bool is_asked = !devices.empty();
  for (std::string name; names >> name;) {
    is_asked = is_asked && (name == target_.device || name.substr(0, name.find('.')) == target_.device);
  }
  if (!is_asked && !target_.is_choice()) {
    throw BackendError(join("asked OpenVINO for ", target_.device, ", but ", devices.empty() ? "nothing" : devices,
                            " would run: ask for AUTO to let it choose"));
  }
  const std::string precision = property(compiled, "INFERENCE_PRECISION_HINT");
  if (!target_.precision.empty() && precision != target_.precision) {
    throw BackendError(join("asked OpenVINO for ", target_.precision, ", but ", target_.device, " would compute in ",
                            precision.empty() ? "what it does not tell" : precision, ": leave the precision out"));
  }
  return devices + (precision.empty() ? "" : ", " + precision);
}

}  // namespace openvino

std::shared_ptr<const Backend> OpenVinoBackend::open(const BackendOptions &options, const openvino::Target &target) {
  for (const auto &[name, value] : options.options) {
    if (name != openvino::cache_option) {
      throw InputError(join("provider openvino: has the option ", openvino::cache_option, " alone, got ", name));
    }
  }
  auto compiler =
      std::make_shared<const openvino::Compiler>(openvino::Library::load(options.library), target, options);
  return std::shared_ptr<const Backend>(new OpenVinoBackend(std::move(compiler)));
}

std::shared_ptr<const Session> OpenVinoBackend::load(const std::string &path, const Sizes &) const {
  // Its shapes are known only when it is bound; that it can be read is said now.
  compiler_->read(path);
  return std::make_shared<const OpenVinoSession>(compiler_, path);
}

std::string OpenVinoBackend::describe() const {
  return join("openvino ", compiler_->library().version(), ", ", compiler_->execution());
}

}  // namespace accel::core
