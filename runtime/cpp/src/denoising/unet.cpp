#include "denoising/unet.hpp"

#include "base/error.hpp"

namespace accel::core {
namespace {

constexpr std::int64_t no_branch = -1;

}  // namespace

UNet::UNet(Components &components, const Shape &latents, const std::vector<std::int64_t> &branches,
           const Conditioning &conditioning, bool has_negative)
    : names_(&components.bundle().manifest().denoiser),
      images_(latents[0]),
      rows_(latents[0] * (has_negative ? 2 : 1)) {
  const Manifest &manifest = components.bundle().manifest();
  const GraphSpec &spec = manifest.deep();
  Shape shape = latents;
  shape[0] = rows_;
  sizes_ = check_input(spec, names_->sample, shape);
  deep_ = components.use(names_->deep, sizes_);
  for (const std::int64_t branch : branches) {
    const auto cut = names_->shallow.find(branch);
    if (cut == names_->shallow.end()) {
      throw InputError(join("the bundle has no branch ", branch, ": export it with `--branches ", branch, "`"));
    }
    shallow_[branch] = components.use(cut->second.graph, sizes_);
  }
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
  found->second->run();
}

void UNet::shallow(std::int64_t branch, const Buffer &feature, bool guided) {
  const Key key(branch, guided, {feature.data()});
  auto found = bound_.find(key);
  if (found == bound_.end()) {
    const Bound inputs = {{names_->shallow.at(branch).feature, feature}};
    found = bound_.emplace(key, bind(shallow_.at(branch), inputs, {}, guided)).first;
  }
  found->second->run();
}

Array UNet::noise(bool guided) const {
  const Buffer used = rows(noise_, guided);
  Array noise = Array::zeros(used.shape());
  used.read(noise.values.data());
  return noise;
}

Buffer UNet::rows(const Buffer &buffer, bool guided) const { return buffer.rows(guided ? 0 : rows_ - images_, rows_); }

std::unique_ptr<const BoundCall> UNet::bind(const Graph &graph, const Bound &features_in, const Bound &features_out, bool guided) const {
  Bound given;
  const auto give = [&](const std::string &name, const Buffer &buffer) {
    if (graph.spec->takes(name)) given.emplace(name, buffer);
  };
  give(names_->sample, rows(sample_, guided));
  give(names_->timestep, timestep_);
  for (const auto &[name, buffer] : by_call_) give(name, buffer);
  for (const auto &[name, buffer] : inputs_) give(name, rows(buffer, guided));
  for (const auto &[name, buffer] : features_in) give(name, rows(buffer, guided));
  Bound made = {{names_->noise, rows(noise_, guided)}};
  for (const auto &[name, buffer] : features_out) made.emplace(name, rows(buffer, guided));
  return graph.bind(given, made);
}

}  // namespace accel::core
