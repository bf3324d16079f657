#include "ort/providers.hpp"

#include <vector>

#include "base/error.hpp"

namespace accel::core {
namespace {

// By our names; those of profiles and of `accel --provider`.
const std::map<std::string, std::string> &provider_names() {
  static const std::map<std::string, std::string> names = {
      {"cpu", "CPUExecutionProvider"},           {"cuda", "CUDAExecutionProvider"},
      {"rocm", "ROCMExecutionProvider"},         {"migraphx", "MIGraphXExecutionProvider"},
      {"tensorrt", "TensorrtExecutionProvider"}, {"ort-openvino", "OpenVINOExecutionProvider"},
      {"webgpu", "WebGpuExecutionProvider"}};
  return names;
}

// The names that ONNX Runtime's generic function knows; CUDA, ROCm and TensorRT have functions of their own.
const std::map<std::string, std::string> &generic_names() {
  static const std::map<std::string, std::string> names = {
      {"migraphx", "MIGraphX"}, {"ort-openvino", "OpenVINO"}, {"webgpu", "WebGPU"}};
  return names;
}

struct Pairs {
  std::vector<const char *> keys;
  std::vector<const char *> values;
};

Pairs pairs_of(const std::map<std::string, std::string> &options) {
  Pairs pairs;
  for (const auto &[key, value] : options) {
    pairs.keys.push_back(key.c_str());
    pairs.values.push_back(value.c_str());
  }
  return pairs;
}

template <typename Create, typename Update, typename Append, typename Release, typename Options>
void append_typed(const ort::Library &library, ort::SessionOptions *session_options, const std::string &name,
                  const Pairs &pairs) {
  const auto options = library.make<Create, Release, Options>(name + ": no options can be made");
  const char *const *keys = pairs.keys.data();
  const char *const *values = pairs.values.data();
  if (!pairs.keys.empty()) {
    library.check<Update>(name + ": an option is refused", options.get(), keys, values, pairs.keys.size());
  }
  library.check<Append>(name + " cannot be had", session_options, static_cast<const Options *>(options.get()));
}

}  // namespace

std::string provider_name(const std::string &name) {
  const auto found = provider_names().find(name);
  if (found != provider_names().end()) return found->second;
  std::vector<std::string> known;
  for (const auto &[each, theirs] : provider_names()) known.push_back(each);
  throw InputError(join("unknown provider '", name.substr(0, 60), "': expected one of ", listed(known),
                        ", openvino, openvino:DEVICE, openvino:PRECISION, openvino:DEVICE:PRECISION"));
}

void append_provider(const ort::Library &library, ort::SessionOptions *session_options, const std::string &name,
                     const std::map<std::string, std::string> &options) {
  const Pairs pairs = pairs_of(options);
  if (name == "cpu") return;
  if (name == "cuda") {
    append_typed<ort::CreateCudaOptions, ort::UpdateCudaOptions, ort::AppendCuda, ort::ReleaseCudaOptions,
                 ort::CudaOptions>(library, session_options, provider_name(name), pairs);
  } else if (name == "rocm") {
    append_typed<ort::CreateRocmOptions, ort::UpdateRocmOptions, ort::AppendRocm, ort::ReleaseRocmOptions,
                 ort::RocmOptions>(library, session_options, provider_name(name), pairs);
  } else if (name == "tensorrt") {
    append_typed<ort::CreateTensorRtOptions, ort::UpdateTensorRtOptions, ort::AppendTensorRt,
                 ort::ReleaseTensorRtOptions, ort::TensorRtOptions>(library, session_options, provider_name(name),
                                                                    pairs);
  } else {
    const char *const *keys = pairs.keys.data();
    const char *const *values = pairs.values.data();
    library.check<ort::AppendProvider>(provider_name(name) + " cannot be had", session_options,
                                       generic_names().at(name).c_str(), keys, values, pairs.keys.size());
  }
}

}  // namespace accel::core
