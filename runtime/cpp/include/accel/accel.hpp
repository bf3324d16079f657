// accel.h for C++17: handles that close themselves, and exceptions in place of statuses. Header only; docs/cpp.md has
// examples.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "accel/accel.h"

namespace accel {

// What accel.h says with a status that is not ACCEL_OK.
class Failure : public std::runtime_error {
 public:
  Failure(accel_status status, const char *text) : std::runtime_error(text), status_(status) {}

  accel_status status() const noexcept { return status_; }

 private:
  accel_status status_;
};

namespace detail {

// Calls a function of accel.h whose last argument is the error.
template <typename Function, typename... Arguments>
void check(Function function, Arguments... arguments) {
  accel_error error;
  const accel_status status = function(arguments..., &error);
  if (status != ACCEL_OK) throw Failure(status, error.text);
}

template <typename Handle>
using Owned = std::unique_ptr<Handle, void (*)(Handle *)>;

// Calls one that makes a handle.
template <typename Handle, typename Function, typename... Arguments>
Owned<Handle> make(void (*close)(Handle *), Function function, Arguments... arguments) {
  Handle *handle = nullptr;
  check(function, arguments..., &handle);
  return Owned<Handle>(handle, close);
}

}  // namespace detail

// A bundle, opened and verified.
class Bundle {
 public:
  explicit Bundle(const std::string &folder)
      : Bundle(folder, accel_bundle_options{sizeof(accel_bundle_options), 0, nullptr}) {}
  Bundle(const std::string &folder, const accel_bundle_options &options)
      : handle_(detail::make(accel_bundle_close, accel_bundle_open, folder.c_str(), &options)) {}

  accel_bundle *get() const { return handle_.get(); }
  std::string digest() const { return accel_bundle_digest(get()); }
  std::string manifest() const { return accel_bundle_manifest(get()); }
  std::vector<std::string> schedulers() const { return names(accel_bundle_scheduler); }
  std::vector<std::string> plans() const { return names(accel_bundle_plan); }

  // Token ids of a prompt for the first text encoder.
  std::vector<std::int64_t> tokenize(const std::string &prompt) const {
    std::size_t length = 0;
    std::int64_t *nothing = nullptr;
    std::size_t *no_count = nullptr;
    const char *first = nullptr;
    detail::check(accel_bundle_tokenize, get(), first, prompt.c_str(), nothing, std::size_t{0}, &length, no_count);
    std::vector<std::int64_t> ids(length);
    detail::check(accel_bundle_tokenize, get(), first, prompt.c_str(), ids.data(), ids.size(), &length, no_count);
    return ids;
  }

 private:
  std::vector<std::string> names(const char *(*name_at)(const accel_bundle *, std::size_t)) const {
    std::vector<std::string> all;
    while (const char *name = name_at(get(), all.size())) all.emplace_back(name);
    return all;
  }

  detail::Owned<accel_bundle> handle_;
};

// What executes graphs. An empty library is the ONNX Runtime, or OpenVINO, that the linker finds.
class Backend {
 public:
  using Options = std::vector<std::pair<std::string, std::string>>;

  explicit Backend(const std::string &library = "", const std::string &provider = "cpu", const Options &options = {},
                   std::int32_t threads = 0)
      : handle_(nullptr, accel_backend_close) {
    std::vector<const char *> names;
    std::vector<const char *> values;
    for (const auto &[name, value] : options) {
      names.push_back(name.c_str());
      values.push_back(value.c_str());
    }
    const accel_backend_options all = {sizeof(accel_backend_options),
                                       library.c_str(),
                                       provider.c_str(),
                                       names.data(),
                                       values.data(),
                                       options.size(),
                                       threads};
    handle_ = detail::make(accel_backend_close, accel_backend_open, &all);
  }

  accel_backend *get() const { return handle_.get(); }
  std::string description() const { return accel_backend_description(get()); }

 private:
  detail::Owned<accel_backend> handle_;
};

// Which UNet calls run deep, which shallow, which not at all. Setters give the plan itself, so that they can be
// chained.
class Plan {
 public:
  // `text` is a plan of the bundle, full, every:N, calls:0,3,7, or the path of a plan.json.
  Plan(const Bundle &bundle, const std::string &text)
      : handle_(detail::make(accel_plan_close, accel_plan_open, bundle.get(), text.c_str())) {}

  // The content of a plan.json.
  static Plan parse(const std::string &json) {
    return Plan(detail::make(accel_plan_close, accel_plan_parse, json.data(), json.size()));
  }

  Plan &scheduler(const std::string &name) { return set(accel_plan_set_scheduler, name.c_str()); }
  Plan &steps(std::int32_t number) { return set(accel_plan_set_steps, number); }
  Plan &branch(std::int32_t number) { return set(accel_plan_set_branch, number); }
  Plan &forecast(const std::string &name) { return set(accel_plan_set_forecast, name.c_str()); }
  Plan &guided_calls(std::int32_t first, std::int32_t last) { return set(accel_plan_set_guided_calls, first, last); }

  const accel_plan *get() const { return handle_.get(); }

 private:
  explicit Plan(detail::Owned<accel_plan> handle) : handle_(std::move(handle)) {}

  template <typename Setter, typename... Values>
  Plan &set(Setter setter, Values... values) {
    detail::check(setter, handle_.get(), values...);
    return *this;
  }

  detail::Owned<accel_plan> handle_;
};

// What to draw. It stays where it is while something draws it.
class Request {
 public:
  // Called after every UNet call; false stops.
  using OnProgress = std::function<bool(const accel_progress &)>;

  explicit Request(const std::string &text = "") : handle_(detail::make(accel_request_close, accel_request_create)) {
    if (!text.empty()) prompt(text);
  }

  Request &prompt(const std::string &text) { return set(accel_request_add_prompt, text.c_str()); }
  Request &negative(const std::string &text) { return set(accel_request_add_negative, text.c_str()); }
  Request &images_per_prompt(std::int32_t images) { return set(accel_request_set_images_per_prompt, images); }
  Request &seed(std::uint64_t number) { return set(accel_request_set_seed, number); }
  Request &seeds(const std::vector<std::uint64_t> &all) { return set(accel_request_set_seeds, all.data(), all.size()); }
  Request &size(std::int32_t height, std::int32_t width) { return set(accel_request_set_size, height, width); }
  Request &guidance(double scale) { return set(accel_request_set_guidance, scale); }
  Request &guidance_rescale(double rescale) { return set(accel_request_set_guidance_rescale, rescale); }
  Request &latents(const std::vector<float> &noise) {
    return set(accel_request_set_latents, noise.data(), noise.size());
  }
  // [count, height, width, 3].
  Request &image(const std::uint8_t *pixels, std::size_t count, std::int32_t height, std::int32_t width,
                 double strength) {
    return set(accel_request_set_image, pixels, count, height, width, strength);
  }

  // [count, height, width]: where the image is drawn anew, from 128 on.
  Request &mask(const std::uint8_t *levels, std::size_t count, std::int32_t height, std::int32_t width) {
    return set(accel_request_set_mask, levels, count, height, width);
  }
  Request &control(const accel_control &one) { return set(accel_request_add_control, &one); }
  Request &framing(const accel_framing &told) { return set(accel_request_set_framing, &told); }
  Request &negative_framing(const accel_framing &told) { return set(accel_request_set_negative_framing, &told); }
  Request &class_labels(const std::vector<std::int64_t> &all) {
    return set(accel_request_set_class_labels, all.data(), all.size());
  }

  // An exception of the callback's stops, and is raised again by `Pipeline::generate`.
  Request &on_progress(OnProgress callback) {
    progress_ = std::make_unique<Progress>(Progress{std::move(callback), nullptr});
    return set(accel_request_on_progress, &Request::report, static_cast<void *>(progress_.get()));
  }

  // From any thread, at any time.
  void cancel() const noexcept { accel_request_cancel(handle_.get()); }

  accel_request *get() const { return handle_.get(); }

  void raise_again() const {
    if (progress_ && progress_->raised) std::rethrow_exception(std::exchange(progress_->raised, nullptr));
  }

 private:
  struct Progress {
    OnProgress callback;
    std::exception_ptr raised;
  };

  static std::int32_t report(void *user, const accel_progress *progress) noexcept {
    auto *self = static_cast<Progress *>(user);
    try {
      return self->callback(*progress) ? 0 : 1;
    } catch (...) {
      self->raised = std::current_exception();
      return 1;
    }
  }

  template <typename Setter, typename... Values>
  Request &set(Setter setter, Values... values) {
    detail::check(setter, handle_.get(), values...);
    return *this;
  }

  detail::Owned<accel_request> handle_;
  std::unique_ptr<Progress> progress_;
};

// Images [B, H, W, 3] and the latents [B, C, h, w] that they were decoded from.
struct Result {
  accel_shape shape = {};
  std::vector<std::uint8_t> pixels;
  std::vector<float> latents;
};

// A bundle on a backend. Several threads may use it.
class Pipeline {
 public:
  // An empty form is the one that suits the backend best. `memory` is ACCEL_KEEP_LOADED, ACCEL_LOW_MEMORY or
  // ACCEL_MEMORY_BY_MODEL.
  Pipeline(const Bundle &bundle, const Backend &backend, const std::string &form = "",
           std::int32_t memory = ACCEL_KEEP_LOADED)
      : Pipeline(bundle, backend, accel_pipeline_options{sizeof(accel_pipeline_options), form.c_str(), memory}) {}
  Pipeline(const Bundle &bundle, const Backend &backend, const accel_pipeline_options &options)
      : handle_(detail::make(accel_pipeline_close, accel_pipeline_create_with,
                             static_cast<const accel_bundle *>(bundle.get()),
                             static_cast<const accel_backend *>(backend.get()), &options)) {}

  // Of the graphs that run.
  std::string form() const { return accel_pipeline_form(handle_.get()); }
  bool has_low_memory() const { return accel_pipeline_has_low_memory(handle_.get()) != 0; }

  Result generate(const Plan &plan, const Request &request) const {
    Result result;
    result.shape.size = sizeof(accel_shape);
    detail::check(accel_request_shape, static_cast<const accel_request *>(request.get()),
                  static_cast<const accel_pipeline *>(handle_.get()), &result.shape);
    const accel_shape &shape = result.shape;
    result.pixels.resize(shape.images * shape.height * shape.width * 3);
    result.latents.resize(shape.images * shape.channels * shape.latent_height * shape.latent_width);
    try {
      detail::check(accel_generate, handle_.get(), plan.get(), request.get(), result.pixels.data(),
                    result.pixels.size(), result.latents.data(), result.latents.size());
    } catch (const Failure &) {
      request.raise_again();
      throw;
    }
    return result;
  }

  // Pixels [images, height, width, 3] of latents; for previews, also from within a callback.
  std::vector<std::uint8_t> decode(const accel_shape &shape, const float *latents, std::size_t count) const {
    std::vector<std::uint8_t> pixels(shape.images * shape.height * shape.width * 3);
    detail::check(accel_decode, handle_.get(), &shape, latents, count, pixels.data(), pixels.size());
    return pixels;
  }

 private:
  detail::Owned<accel_pipeline> handle_;
};

}  // namespace accel
