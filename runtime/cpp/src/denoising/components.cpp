#include "denoising/components.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "denoising/pixels.hpp"
#include "request.hpp"

namespace accel::core {
namespace {

// How many entries of a batch a graph runs at a time: as many as it is fixed to, else one.
std::int64_t entries_of(const GraphSpec &spec) {
  const Dimension &first = spec.inputs[0].shape[0];
  return first.symbol.empty() ? first.number : 1;
}

Shape batched(std::int64_t entries, const Shape &shape) {
  Shape whole = {entries};
  whole.insert(whole.end(), shape.begin(), shape.end());
  return whole;
}

// The first entry of an array, without its batch.
Array first_entry(const Array &array) {
  Array entry{{array.shape.begin() + 1, array.shape.end()}, {}};
  entry.values.assign(array.values.begin(), array.values.begin() + static_cast<std::ptrdiff_t>(array.entry()));
  return entry;
}

template <typename Id>
void write_ids(const Buffer &buffer, std::int64_t entries, const std::vector<std::int64_t> &ids) {
  auto *target = static_cast<Id *>(buffer.data());
  for (std::int64_t entry = 0; entry < entries; ++entry) {
    target = std::transform(ids.begin(), ids.end(), target, [](std::int64_t id) { return static_cast<Id>(id); });
  }
}

}  // namespace

std::unique_ptr<const BoundCall> Graph::bind(const Bound &inputs, const Bound &outputs) const {
  bundle->check_graph(*file);
  auto call = session->bind(inputs, outputs);
  bundle->check_graph(*file);
  return call;
}

std::map<std::string, Array> Components::embed(const std::string &encoder, const std::vector<std::int64_t> &ids) {
  const GraphSpec &spec = bundle_->manifest().graph(encoder);
  const std::int64_t entries = entries_of(spec);
  const Buffer given = Buffer::zeros({entries, static_cast<std::int64_t>(ids.size())}, spec.inputs[0].dtype);
  if (given.dtype() == DType::int32) {
    write_ids<std::int32_t>(given, entries, ids);
  } else {
    write_ids<std::int64_t>(given, entries, ids);
  }
  auto outputs = run(encoder, given, bundle_->manifest().text_outputs(encoder));
  for (auto &[name, values] : outputs) values = first_entry(values);
  return outputs;
}

Array Components::embed_control(const std::string &graph, const std::uint8_t *pixels, std::int64_t height,
                                std::int64_t width) {
  Array sample = Array::zeros({colours, height, width});
  to_unit(pixels, height, width, sample.values.data());
  return first_output(graph, sample);
}

Array Components::encode(const std::uint8_t *pixels, std::int64_t height, std::int64_t width,
                         const std::uint8_t *hidden) {
  Array sample = Array::zeros({colours, height, width});
  from_pixels(pixels, height, width, sample.values.data());
  const std::size_t plane = sample.entry();
  for (std::size_t at = 0; hidden != nullptr && at < sample.values.size(); ++at) {
    if (hidden[at % plane] >= white) sample.values[at] = 0;
  }
  return first_output(bundle_->manifest().encoder->graph, sample);
}

Array Components::first_output(const std::string &name, const Array &sample) {
  const GraphSpec &spec = bundle_->manifest().graph(name);
  const std::int64_t entries = entries_of(spec);
  const Buffer given = Buffer::zeros(batched(entries, sample.shape));
  for (std::int64_t entry = 0; entry < entries; ++entry) given.rows(entry, entry + 1).write(sample.values.data());
  const std::string &output = spec.outputs[0].name;
  Array first = first_entry(run(name, given, {output}).at(output));
  first.shape = batched(1, first.shape);
  return first;
}

void Components::decode(const Array &latents, std::uint8_t *pixels) {
  const auto &codec = bundle_->manifest().decoder;
  const auto images = static_cast<std::size_t>(latents.shape[0]);
  if (!codec) {
    const std::size_t plane = count_of({latents.shape[2], latents.shape[3], 3});
    for (std::size_t at = 0; at < images; ++at) {
      to_pixels(latents.entry_at(at), latents.shape[2], latents.shape[3], pixels + at * plane);
    }
    return;
  }
  const GraphSpec &spec = bundle_->manifest().graph(codec->graph);
  const auto entries = static_cast<std::size_t>(entries_of(spec));
  const Buffer given = Buffer::zeros(batched(entries_of(spec), {latents.shape.begin() + 1, latents.shape.end()}));
  const std::string &output = spec.outputs[0].name;
  for (std::size_t at = 0; at < images; at += entries) {
    for (std::size_t entry = 0; entry < entries; ++entry) {
      // The last one fills up what is missing.
      const float *source = latents.entry_at(std::min(at + entry, images - 1));
      float *target = given.floats() + entry * latents.entry();
      for (std::size_t each = 0; each < latents.entry(); ++each) {
        target[each] = source[each] / static_cast<float>(codec->scale);
        if (codec->shift != 0) target[each] += static_cast<float>(codec->shift);
      }
    }
    const Array decoded = run(codec->graph, given, {output}).at(output);
    const std::size_t plane = count_of({decoded.shape[2], decoded.shape[3], 3});
    for (std::size_t entry = 0; entry < std::min(entries, images - at); ++entry) {
      to_pixels(decoded.entry_at(entry), decoded.shape[2], decoded.shape[3], pixels + (at + entry) * plane);
    }
  }
}

std::map<std::string, Graph> Components::use(const std::vector<std::string> &names, const Sizes &sizes) {
  const Sizes fixed = backend_->fixes_sizes() ? sizes : Sizes{};
  // One thread at a time: what two of them need is loaded once, and nobody lets go of what another looks up.
  const std::lock_guard lock(loading_);
  if (stay_ == Stay::in_use) let_go_of_all_but(names, fixed);
  std::map<std::string, Graph> graphs;
  for (const std::string &name : names) graphs.emplace(name, loaded(name, fixed));
  return graphs;
}

void Components::let_go_of_all_but(const std::vector<std::string> &names, const Sizes &sizes) {
  for (auto each = loaded_.begin(); each != loaded_.end();) {
    const auto &[name, fixed] = each->first;
    const bool is_used = fixed == sizes && std::find(names.begin(), names.end(), name) != names.end();
    each = is_used ? std::next(each) : loaded_.erase(each);
  }
}

Graph Components::loaded(const std::string &name, const Sizes &sizes) {
  const std::string &file = bundle_->manifest().file_of(name, form_);
  auto &session = loaded_[Key(name, sizes)];
  if (session == nullptr) {
    bundle_->check_graph(file);
    session = backend_->load(bundle_->path(file), sizes);
    bundle_->check_graph(file);
  }
  return {session, &bundle_->manifest().graph(name), bundle_.get(), &file};
}

std::map<std::string, Array> Components::run(const std::string &name, const Buffer &given,
                                             const std::vector<std::string> &outputs) {
  const GraphSpec &spec = bundle_->manifest().graph(name);
  const Sizes sizes = check_input(spec, spec.inputs[0].name, given.shape());
  const Graph graph = use({name}, sizes).at(name);
  Bound made;
  for (const std::string &output : outputs) {
    const TensorSpec &tensor = spec.output(output);
    made.emplace(output, Buffer::zeros(resolve(tensor.shape, sizes), tensor.dtype));
  }
  graph.bind({{spec.inputs[0].name, given}}, made)->run();
  std::map<std::string, Array> arrays;
  for (const auto &[output, buffer] : made) {
    Array array = Array::zeros(buffer.shape());
    buffer.read(array.values.data());
    arrays.emplace(output, std::move(array));
  }
  return arrays;
}

}  // namespace accel::core
