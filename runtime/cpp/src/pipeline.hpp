// Text to image from a bundle: prompt → embeddings → denoised latents → pixels.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>

#include "bundle/contents.hpp"
#include "denoising/components.hpp"
#include "denoising/loop.hpp"
#include "plans/plan.hpp"
#include "request.hpp"

namespace accel::core {

// Outputs of a text encoder for the prompts that were used last.
class EncodedPrompts {
 public:
  using Outputs = std::map<std::string, Array>;

  std::optional<Outputs> find(const std::string &encoder, const std::string &prompt);
  void keep(const std::string &encoder, const std::string &prompt, const Outputs &outputs);

 private:
  struct Entry {
    std::string encoder;
    std::string prompt;
    Outputs outputs;
  };

  std::mutex mutex_;
  std::list<Entry> entries_;  // newest first
};

// What is kept in memory; the numbers are those of accel.h.
enum class Memory : std::int32_t {
  keep_loaded = 0,  // every graph that was ever needed
  low = 1,          // only the graphs in use, which run a batch entry by entry
  by_model = 2,     // low for large models on the processor, which suits a single image: further ones load again
};

// A bundle on a backend. Graphs are loaded when first needed. Several threads may use it at a time.
class Pipeline {
 public:
  // `form` is the form of graphs to run; empty leaves the choice to `choose_form`.
  Pipeline(std::shared_ptr<const Contents> contents, std::shared_ptr<const Backend> backend,
           const std::string &form = "", Memory memory = Memory::keep_loaded);

  const Contents &contents() const { return *contents_; }
  const Backend &backend() const { return components_.backend(); }
  const std::string &form() const { return components_.form(); }
  bool has_low_memory() const { return components_.stay() == Stay::in_use; }

  // Draws the images of a request and gives their latents [B, C, h, w]. Nothing heavy starts before all that can be
  // known to be wrong was looked at.
  Array denoise(const Request &request, const PlanSpec &spec, const OnStep &on_step);

  // Pixels [B, H, W, 3] of latents.
  void decode(const Array &latents, std::uint8_t *pixels);

 private:
  Plan compile(const Request &request, const PlanSpec &spec) const;
  std::map<std::string, Array> encode(const std::string &encoder, const std::string &prompt);

  std::shared_ptr<const Contents> contents_;
  Components components_;
  EncodedPrompts prompts_;
};

}  // namespace accel::core
