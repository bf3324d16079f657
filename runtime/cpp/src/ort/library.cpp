#include "ort/library.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.hpp"

namespace accel::core::ort {
namespace {

#if defined(__APPLE__)
constexpr const char *default_names[] = {"libonnxruntime.dylib", "libonnxruntime.1.dylib"};
#else
constexpr const char *default_names[] = {"libonnxruntime.so", "libonnxruntime.so.1"};
#endif
constexpr std::size_t longest_reason = 2000;
constexpr const char *advice = "give the path of libonnxruntime, of ONNX Runtime 1.18 or newer";

void *open_library(const std::string &path) {
  // What `dlopen("")` opens is the program itself.
  if (!path.empty()) return dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  for (const char *name : default_names) {
    if (void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return handle;
  }
  return nullptr;
}

}  // namespace

std::shared_ptr<const Library> Library::load(const std::string &path) {
  void *handle = open_library(path);
  if (handle == nullptr) {
    const char *why = dlerror();
    throw BackendError(join("cannot load ONNX Runtime: ", why == nullptr ? "not found" : why, ": ", advice));
  }
  const std::shared_ptr<Library> library(new Library(handle));
  library->find_api(path);
  return library;
}

Library::~Library() { dlclose(handle_); }

void Library::find_api(const std::string &path) {
  using GetApiBase = const ApiBase *(*)();
  const auto get_base = reinterpret_cast<GetApiBase>(dlsym(handle_, "OrtGetApiBase"));
  if (get_base == nullptr) throw BackendError(join(path, ": not ONNX Runtime, it has no OrtGetApiBase: ", advice));
  const ApiBase *base = get_base();
  version_ = base->get_version();
  table_ = static_cast<void *const *>(base->get_api(api_version));
  if (table_ == nullptr) throw BackendError(join("ONNX Runtime ", version_, " is too old: ", advice));
}

void Library::raise_unless_ok(Status *status, const std::string &what) const {
  if (status == nullptr) return;
  const std::string message = call<GetErrorMessage>(static_cast<const Status *>(status));
  call<ReleaseStatus>(status);
  throw BackendError(join(what, ": ", reason(message)));
}

std::vector<std::string> Library::available_providers() const {
  char **names = nullptr;
  int count = 0;
  check<GetAvailableProviders>("cannot list providers", &names, &count);
  const std::vector<std::string> all(names, names + count);
  check<ReleaseAvailableProviders>("cannot list providers", names, count);
  return all;
}

std::string reason(const std::string &message) {
  const std::string first = message.substr(0, std::min(message.find('\n'), longest_reason));
  const std::string check = " was false. ";
  const std::size_t place = !first.empty() && first.front() == '/' ? first.find(check) : std::string::npos;
  return place == std::string::npos ? first : first.substr(place + check.size());
}

}  // namespace accel::core::ort
