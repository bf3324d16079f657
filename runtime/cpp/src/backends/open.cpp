// From the name of a provider to the backend that runs it: the one place that knows all backends.
#include "backends/backend.hpp"
#include "base/error.hpp"
#include "openvino/backend.hpp"
#include "ort/backend.hpp"

namespace accel::core {
namespace {

constexpr int most_threads = 4096;

}  // namespace

std::shared_ptr<const Backend> Backend::open(const BackendOptions &options) {
  if (options.threads < 0 || options.threads > most_threads) {
    throw InputError(join("threads: expected 0 to ", most_threads, ", got ", options.threads));
  }
  if (const auto target = openvino::parse_target(options.provider)) return OpenVinoBackend::open(options, *target);
  return OrtBackend::open(options);
}

}  // namespace accel::core
