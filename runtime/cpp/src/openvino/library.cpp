#include "openvino/library.hpp"

#include <dlfcn.h>

#include "base/error.hpp"

namespace accel::core::openvino {
namespace {

#if defined(__APPLE__)
constexpr const char *default_name = "libopenvino_c.dylib";
#else
constexpr const char *default_name = "libopenvino_c.so";
#endif
constexpr const char *advice = "give the path of libopenvino_c, of OpenVINO 2023.0 or newer";

// What went wrong, without the places in OpenVINO's sources that the lines before name.
std::string last_line(std::string text) {
  constexpr const char *blanks = " \t\r\n";
  const std::size_t end = text.find_last_not_of(blanks);
  if (end == std::string::npos) return "it does not say why";
  text.erase(end + 1);
  const std::size_t line = text.find_last_of('\n');
  if (line != std::string::npos) text.erase(0, line + 1);
  return text.substr(text.find_first_not_of(blanks));
}

}  // namespace

std::shared_ptr<const Library> Library::load(const std::string &path) {
  void *handle = dlopen(path.empty() ? default_name : path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char *why = dlerror();
    throw BackendError(join("cannot load OpenVINO: ", why == nullptr ? "not found" : why, ": ", advice));
  }
  const std::shared_ptr<Library> library(new Library());
  library->find_functions(handle, path);
  Version version = {};
  library->check(library->api_.get_openvino_version(&version), "OpenVINO does not tell its version");
  library->version_ = version.build;
  library->api_.version_free(&version);
  return library;
}

void Library::find_functions(void *handle, const std::string &path) {
  const auto find = [&](const char *name, auto &function) {
    void *found = dlsym(handle, name);
    if (found == nullptr) throw BackendError(join(path, ": not OpenVINO, it has no ", name, ": ", advice));
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(found);
  };
  find("ov_get_last_err_msg", api_.get_last_err_msg);
  find("ov_free", api_.free);
  find("ov_get_openvino_version", api_.get_openvino_version);
  find("ov_version_free", api_.version_free);
  find("ov_core_create", api_.core_create);
  find("ov_core_free", api_.core_free);
  find("ov_core_read_model", api_.core_read_model);
  find("ov_core_read_model_from_memory_buffer", api_.core_read_model_from_memory_buffer);
  find("ov_core_compile_model", api_.core_compile_model);
  find("ov_model_free", api_.model_free);
  find("ov_model_reshape", api_.model_reshape);
  find("ov_compiled_model_get_property", api_.compiled_model_get_property);
  find("ov_compiled_model_input_by_name", api_.compiled_model_input_by_name);
  find("ov_compiled_model_output_by_name", api_.compiled_model_output_by_name);
  find("ov_compiled_model_create_infer_request", api_.compiled_model_create_infer_request);
  find("ov_compiled_model_free", api_.compiled_model_free);
  find("ov_port_get_element_type", api_.port_get_element_type);
  find("ov_const_port_get_shape", api_.const_port_get_shape);
  find("ov_output_const_port_free", api_.output_const_port_free);
  find("ov_shape_free", api_.shape_free);
  find("ov_tensor_create_from_host_ptr", api_.tensor_create_from_host_ptr);
  find("ov_tensor_get_byte_size", api_.tensor_get_byte_size);
  find("ov_tensor_free", api_.tensor_free);
  find("ov_infer_request_set_tensor", api_.infer_request_set_tensor);
  find("ov_infer_request_infer", api_.infer_request_infer);
  find("ov_infer_request_free", api_.infer_request_free);
}

void Library::check(Code code, const std::string &what) const {
  if (code == 0) return;
  // One text for the whole process: of two threads that fail at once, one may tell the other's reason.
  const char *text = api_.get_last_err_msg();
  const std::string why = text == nullptr ? "" : text;
  if (text != nullptr) api_.free(text);
  throw BackendError(join(what, ": ", last_line(why)));
}

}  // namespace accel::core::openvino
