// The denoiser's graphs over fixed buffers. Guided calls run on 2B rows, the negative half first; unguided calls run on
// the last B rows of the same buffers. Where memory is short, a graph runs once for each of these rows.
#pragma once

#include <map>
#include <tuple>
#include <vector>

#include "denoising/components.hpp"
#include "denoising/conditioning.hpp"

namespace accel::core {

class UNet {
 public:
  // The UNet for a batch of latents [B, C, h, w]. Raises an `InputError` where the bundle lacks a branch, or its graphs
  // are fixed to other sizes.
  UNet(Components &components, const Shape &latents, const std::vector<std::int64_t> &branches,
       const Conditioning &conditioning, bool has_negative);

  // A buffer for the feature of a branch, with all rows.
  Buffer new_feature(std::int64_t branch) const;

  // Writes the inputs of the next call: [B, C, h, w] for both halves, and the timestep.
  void prepare(const Array &sample, double timestep) const;

  // Writes the values of a call that are the same for all rows.
  void begin(std::size_t call) const;

  // Runs the deep pass; its features go to these buffers, by branch.
  void deep(const std::map<std::int64_t, Buffer> &features, bool guided);
  // Runs the shallow pass of a branch on a feature.
  void shallow(std::int64_t branch, const Buffer &feature, bool guided);

  // The noise of a call: [2B, C, h, w], negative half first, where it is guided; else [B, C, h, w].
  Array noise(bool guided) const;

  // The rows of a buffer that a call uses.
  Buffer rows(const Buffer &buffer, bool guided) const;

 private:
  // Branch or -1, whether guided, and the addresses of the features.
  using Key = std::tuple<std::int64_t, bool, std::vector<const void *>>;
  // A graph bound to the rows of a call, once for each part that is run at a time.
  using Parts = std::vector<std::unique_ptr<const BoundCall>>;

  // The first row of a call.
  std::int64_t first(bool guided) const { return guided ? 0 : rows_ - images_; }
  // The graphs, for a sample of as many rows as a run has.
  void load(Components &components, const std::vector<std::int64_t> &branches, const Shape &sample);
  void allocate(const Shape &shape, const Conditioning &conditioning);
  Parts bind(const Graph &graph, const Bound &features_in, const Bound &features_out, bool guided) const;
  std::unique_ptr<const BoundCall> bind_rows(const Graph &graph, const Bound &features_in, const Bound &features_out,
                                             std::int64_t start, std::int64_t stop) const;

  const Denoiser *names_;
  Graph deep_;
  std::map<std::int64_t, Graph> shallow_;
  std::int64_t images_;
  std::int64_t rows_;
  std::int64_t at_a_time_;  // rows of a run
  Sizes sizes_;             // of the buffers
  Buffer sample_;
  Buffer timestep_;
  Buffer noise_;
  Bound inputs_;
  Bound by_call_;
  std::map<std::string, Array> values_by_call_;
  std::map<Key, Parts> bound_;
};

}  // namespace accel::core
