#include "denoising/unet.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace accel::core {
namespace {

constexpr std::int64_t no_branch = -1;

template <typename Parts>
void run(const Parts &parts) {
  for (const auto &part : parts) part->run();
}

}  // namespace

UNet::UNet(Components &components, const Shape &latents, const std::vector<std::int64_t> &branches,
           const Conditioning &conditioning, bool has_negative)
    : names_(&components.bundle().manifest().denoiser),
      images_(latents[0]),
      rows_(latents[0] * (has_negative ? 2 : 1)),
      at_a_time_(components.stay() == Stay::in_use ? 1 : rows_) {
  Shape shape = latents;
  shape[0] = rows_;
  sizes_ = check_input(components.bundle().manifest().deep(), names_->sample, shape);
  shape[0] = at_a_time_;
  load(components, branches, shape);
  shape[0] = rows_;
  allocate(shape, conditioning);
}

void UNet::load(Components &components, const std::vector<std::int64_t> &branches, const Shape &sample) {
  std::vector<std::string> wanted = {names_->deep};
  for (const std::int64_t branch : branches) {
    const auto cut = names_->shallow.find(branch);
    if (cut == names_->shallow.end()) {
      throw InputError(join("the bundle has no branch ", branch, ": export it with `--branches ", branch, "`"));
    }
    wanted.push_back(cut->second.graph);
  }
  const GraphSpec &spec = components.bundle().manifest().deep();
  const auto graphs = components.use(wanted, check_input(spec, names_->sample, sample));
  deep_ = graphs.at(names_->deep);
  for (const std::int64_t branch : branches) shallow_[branch] = graphs.at(names_->shallow.at(branch).graph);
}

void UNet::allocate(const Shape &shape, const Conditioning &conditioning) {
  const GraphSpec &spec = *deep_.spec;
  sample_ = Buffer::zeros(shape);
  timestep_ = Buffer::zeros({1});
  noise_ = Buffer::zeros(shape);
  for (const auto &[name, values] : conditioning.rows) {
    const Buffer buffer = Buffer::zeros(resolve(spec.input(name).shape, sizes_));
    if (buffer.shape() != values.shape) {
      throw BundleError(
          join("input ", name, " takes ", shown(buffer.shape()), ", its source gives ", shown(values.shape)));
    }
    buffer.write(values.values.data());
    inputs_.emplace(name, buffer);
  }
  for (const auto &[name, values] : conditioning.by_call) {
    by_call_.emplace(name, Buffer::zeros({values.shape.begin() + 1, values.shape.end()}));
    values_by_call_.emplace(name, values);
  }
}

Buffer UNet::new_feature(std::int64_t branch) const {
  const TensorSpec &tensor = deep_.spec->output(names_->shallow.at(branch).feature);
  return Buffer::zeros(resolve(tensor.shape, sizes_), tensor.dtype);
}

void UNet::prepare(const Array &sample, double timestep) const {
  for (std::int64_t start = 0; start < rows_; start += images_) {
    sample_.rows(start, start + images_).write(sample.values.data());
  }
  *timestep_.floats() = static_cast<float>(timestep);
}

void UNet::begin(std::size_t call) const {
  for (const auto &[name, buffer] : by_call_) buffer.write(values_by_call_.at(name).entry_at(call));
}

void UNet::deep(const std::map<std::int64_t, Buffer> &features, bool guided) {
  Key key(no_branch, guided, {});
  Bound outputs;
  for (const auto &[branch, buffer] : features) {
    std::get<2>(key).push_back(buffer.data());
    outputs.emplace(names_->shallow.at(branch).feature, buffer);
  }
  auto found = bound_.find(key);
  if (found == bound_.end()) found = bound_.emplace(key, bind(deep_, {}, outputs, guided)).first;
  run(found->second);
}

void UNet::shallow(std::int64_t branch, const Buffer &feature, bool guided) {
  const Key key(branch, guided, {feature.data()});
  auto found = bound_.find(key);
  if (found == bound_.end()) {
    const Bound inputs = {{names_->shallow.at(branch).feature, feature}};
    found = bound_.emplace(key, bind(shallow_.at(branch), inputs, {}, guided)).first;
  }
  run(found->second);
}

Array UNet::noise(bool guided) const {
  const Buffer used = rows(noise_, guided);
  Array noise = Array::zeros(used.shape());
  used.read(noise.values.data());
  return noise;
}

Buffer UNet::rows(const Buffer &buffer, bool guided) const { return buffer.rows(first(guided), rows_); }

UNet::Parts UNet::bind(const Graph &graph, const Bound &features_in, const Bound &features_out, bool guided) const {
  Parts parts;
  for (std::int64_t start = first(guided); start < rows_; start += at_a_time_) {
    const std::int64_t stop = std::min(start + at_a_time_, rows_);
    parts.push_back(bind_rows(graph, features_in, features_out, start, stop));
  }
  return parts;
}

std::unique_ptr<const BoundCall> UNet::bind_rows(const Graph &graph, const Bound &features_in,
                                                 const Bound &features_out, std::int64_t start,
                                                 std::int64_t stop) const {
  Bound given;
  const auto give = [&](const std::string &name, const Buffer &buffer) {
    if (graph.spec->takes(name)) given.emplace(name, buffer);
  };
  give(names_->sample, sample_.rows(start, stop));
  give(names_->timestep, timestep_);
  for (const auto &[name, buffer] : by_call_) give(name, buffer);
  for (const auto &[name, buffer] : inputs_) give(name, buffer.rows(start, stop));
  for (const auto &[name, buffer] : features_in) give(name, buffer.rows(start, stop));
  Bound made = {{names_->noise, noise_.rows(start, stop)}};
  for (const auto &[name, buffer] : features_out) made.emplace(name, buffer.rows(start, stop));
  return graph.bind(given, made);
}

}  // namespace accel::core
