// The graphs of a bundle on a backend: loaded when needed, and run one entry of a batch at a time.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "backends/backend.hpp"
#include "bundle/bundle.hpp"

namespace accel::core {

// A loaded graph and its contract.
struct Graph {
  std::shared_ptr<const Session> session;
  const GraphSpec *spec;
  const Bundle *bundle;
  const std::string *file;

  // See `Session`. Some backends read the files only now: raises a `BundleError` where they have changed.
  std::unique_ptr<const BoundCall> bind(const Bound &inputs, const Bound &outputs) const;
};

// Several threads may use them at a time.
class Components {
 public:
  // `form` is one that `choose_form` gave.
  Components(std::shared_ptr<const Bundle> bundle, std::shared_ptr<const Backend> backend, std::string form)
      : bundle_(std::move(bundle)), backend_(std::move(backend)), form_(std::move(form)) {}

  const Bundle &bundle() const { return *bundle_; }
  const Backend &backend() const { return *backend_; }
  const std::string &form() const { return form_; }

  // The outputs of a text encoder that the denoiser is given, by name: ids [L] → [L, D] each, or [D] where pooled.
  std::map<std::string, Array> embed(const std::string &encoder, const std::vector<std::int64_t> &ids);

  // What a ControlNet makes of its image before the first call: [H, W, 3] → [1, C, h, w].
  Array embed_control(const std::string &graph, const std::uint8_t *pixels, std::int64_t height, std::int64_t width);

  // The encoder: pixels [H, W, 3] → what it gives of an unscaled state, [1, C, h, w] or [1, 2C, h, w]. They are mid grey
  // where `hidden`, [H, W] or null, is white.
  Array encode(const std::uint8_t *pixels, std::int64_t height, std::int64_t width, const std::uint8_t *hidden);

  // The decoder: scaled latents [B, C, h, w] → pixels [B, H, W, 3]; without one the latents are the picture. Raises a
  // `NumericsError` where they are no numbers.
  void decode(const Array &latents, std::uint8_t *pixels);

  // A graph for these sizes, loaded if it is not. Raises a `BackendError` or, where its files have changed, a
  // `BundleError`.
  Graph use(const std::string &name, const Sizes &sizes);

 private:
  // Runs a graph of one input on a sample [C, H, W] and gives its first output, [1, …].
  Array first_output(const std::string &name, const Array &sample);

  // Runs a graph of one input on as many entries as it is fixed to, else on one; gives the outputs by name.
  std::map<std::string, Array> run(const std::string &name, const Buffer &given,
                                   const std::vector<std::string> &outputs);

  std::shared_ptr<const Bundle> bundle_;
  std::shared_ptr<const Backend> backend_;
  std::string form_;
  std::mutex loading_;
  std::map<std::pair<std::string, Sizes>, std::shared_ptr<const Session>> loaded_;
};

}  // namespace accel::core
