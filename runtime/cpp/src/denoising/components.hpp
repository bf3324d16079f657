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

// Which graphs stay loaded: all that were ever needed, or only those in use, where memory is short.
enum class Stay { all, in_use };

// Several threads may use them at a time.
class Components {
 public:
  // `form` is one that `choose_form` gave.
  Components(std::shared_ptr<const Bundle> bundle, std::shared_ptr<const Backend> backend, std::string form, Stay stay)
      : bundle_(std::move(bundle)), backend_(std::move(backend)), form_(std::move(form)), stay_(stay) {}

  const Bundle &bundle() const { return *bundle_; }
  const Backend &backend() const { return *backend_; }
  const std::string &form() const { return form_; }
  Stay stay() const { return stay_; }

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

  // Graphs for these sizes that are in use together, by name; each is loaded if it is not, and where only those in use
  // stay, all others are let go first. Raises a `BackendError` or, where a file has changed, a `BundleError`.
  std::map<std::string, Graph> use(const std::vector<std::string> &names, const Sizes &sizes);

 private:
  // A graph and the sizes that it was loaded for, which are none where it takes all.
  using Key = std::pair<std::string, Sizes>;

  // Those that nobody holds any more are unloaded.
  void let_go_of_all_but(const std::vector<std::string> &names, const Sizes &sizes);
  Graph loaded(const std::string &name, const Sizes &sizes);

  // Runs a graph of one input on a sample [C, H, W] and gives its first output, [1, …].
  Array first_output(const std::string &name, const Array &sample);

  // Runs a graph of one input on as many entries as it is fixed to, else on one; gives the outputs by name.
  std::map<std::string, Array> run(const std::string &name, const Buffer &given,
                                   const std::vector<std::string> &outputs);

  std::shared_ptr<const Bundle> bundle_;
  std::shared_ptr<const Backend> backend_;
  std::string form_;
  Stay stay_;
  std::mutex loading_;
  std::map<Key, std::shared_ptr<const Session>> loaded_;
};

}  // namespace accel::core
