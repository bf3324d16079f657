#include "ort/backend.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "ort/providers.hpp"
#include "ort/session.hpp"

namespace accel::core {
namespace {

// What ONNX Runtime prints of its own accord; what a user must know reaches them as our error.
constexpr int fatal = 4;
constexpr int same_as_requested = 1;
constexpr int unbounded = -1;

}  // namespace

std::shared_ptr<const Backend> OrtBackend::open(const BackendOptions &options) {
  provider_name(options.provider);
  if (options.provider == "cpu" && !options.options.empty()) {
    throw InputError("provider cpu: has no options, got " + options.options.begin()->first);
  }
  const std::shared_ptr<OrtBackend> backend(new OrtBackend(options));
  backend->library_ = ort::Library::load(options.library);
  backend->check_provider();
  const auto library = backend->library_;
  auto env = library->make<ort::CreateEnv, ort::ReleaseEnv, ort::Env>("no environment", fatal, "accel");
  // The environment needs the library up to its end.
  backend->env_ =
      std::shared_ptr<ort::Env>(env.release(), [library](ort::Env *each) { library->call<ort::ReleaseEnv>(each); });
  if (backend->on_host()) backend->share_arena();
  return backend;
}

void OrtBackend::check_provider() const {
  const std::string name = provider_name(options_.provider);
  const std::vector<std::string> available = library_->available_providers();
  if (std::find(available.begin(), available.end(), name) != available.end()) return;
  throw BackendError(join("this ONNX Runtime has no ", name, ", only ", listed(available),
                          ": give the library of a build that has it"));
}

// One arena for all sessions, which grows by what is asked for: see accel_runtime/backends/onnxruntime/library.py.
void OrtBackend::share_arena() {
  const auto memory = library_->make<ort::CreateCpuMemoryInfo, ort::ReleaseMemoryInfo, ort::MemoryInfo>(
      "no arena", ort::arena_allocator, ort::default_memory);
  const auto arena = library_->make<ort::CreateArenaCfg, ort::ReleaseArenaCfg, ort::ArenaCfg>(
      "no arena", std::size_t{0}, same_as_requested, unbounded, unbounded);
  try {
    library_->check<ort::CreateAndRegisterAllocator>("no arena", env_.get(),
                                                     static_cast<const ort::MemoryInfo *>(memory.get()),
                                                     static_cast<const ort::ArenaCfg *>(arena.get()));
  } catch (const BackendError &) {
    // The process has one environment of ONNX Runtime, so who was here first has made the arena.
  }
}

ort::Owned<ort::SessionOptions> OrtBackend::session_options() const {
  auto made =
      library_->make<ort::CreateSessionOptions, ort::ReleaseSessionOptions, ort::SessionOptions>("no session options");
  ort::SessionOptions *options = made.get();
  library_->check<ort::SetSessionLogSeverityLevel>("session options", options, fatal);
  if (options_.threads > 0) library_->check<ort::SetIntraOpNumThreads>("session options", options, options_.threads);
  const auto set = [&](const char *key) {
    library_->check<ort::AddSessionConfigEntry>("session options", options, key, "1");
  };
  if (!on_host()) {
    set("session.disable_cpu_ep_fallback");
    return made;
  }
  // Reasons: accel_runtime/backends/onnxruntime/backend.py.
  library_->check<ort::DisableMemPattern>("session options", options);
  set("session.use_env_allocators");
  set("session.use_device_allocator_for_initializers");
  return made;
}

std::shared_ptr<const Session> OrtBackend::load(const std::string &path, const Sizes &sizes) const {
  const auto options = session_options();
  if (!on_host()) {
    for (const auto &[name, size] : sizes) {
      library_->check<ort::AddFreeDimensionOverrideByName>(path, options.get(), name.c_str(), size);
    }
    append_provider(*library_, options.get(), options_.provider, options_.options);
  }
  auto session = library_->make<ort::CreateSession, ort::ReleaseSession, ort::Session>(
      join(provider_name(options_.provider), ": ", path, ": cannot load the graph"),
      static_cast<const ort::Env *>(env_.get()), path.c_str(), static_cast<const ort::SessionOptions *>(options.get()));
  return std::make_shared<const OrtSession>(library_, env_, std::move(session), path);
}

std::string OrtBackend::describe() const {
  return join("onnxruntime ", library_->version(), ", ", provider_name(options_.provider));
}

}  // namespace accel::core
