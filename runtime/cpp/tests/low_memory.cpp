// test_low_memory BUNDLE ONNXRUNTIME: low memory changes which graphs are loaded and on how many entries of a batch
// they run, and not the picture.
#include <cstdlib>
#include <vector>

#include "expect.hpp"
#include "pipeline.hpp"
#include "watched_backend.hpp"

namespace {

using accel::core::Contents;
using accel::core::Manifest;
using accel::core::Memory;
using accel::core::Step;

constexpr std::int64_t rows = 4;  // two prompts, guided

struct Drawn {
  std::vector<std::uint8_t> pixels;
  std::vector<std::multiset<std::string>> loaded;  // after each call
};

accel::core::Request two_prompts() {
  accel::core::Request request;
  request.prompts = {"a red apple", "an owl"};
  request.guidance = 4;
  return request;
}

Drawn draw(accel::core::Pipeline &pipeline, const test::WatchedBackend &backend) {
  const Contents &contents = pipeline.contents();
  accel::core::PlanSpec plan = contents.plan("every:2");
  plan.scheduler = "ddim";
  plan.steps = 5;
  const accel::core::Request request = two_prompts();
  Drawn drawn;
  drawn.pixels.resize(accel::core::output_shape(request, contents.bundle().manifest().state).pixels());
  const auto latents =
      pipeline.denoise(request, plan, [&](const Step &) { drawn.loaded.push_back(backend.watched().loaded); });
  pipeline.decode(latents, drawn.pixels.data());
  return drawn;
}

// The paths of graphs, as the form that is drawn in has them.
std::multiset<std::string> paths(const accel::core::Pipeline &pipeline, const std::vector<std::string> &names) {
  const accel::core::Bundle &bundle = pipeline.contents().bundle();
  std::multiset<std::string> all;
  for (const std::string &name : names) all.insert(bundle.path(bundle.manifest().file_of(name, pipeline.form())));
  return all;
}

int largest_difference(const std::vector<std::uint8_t> &one, const std::vector<std::uint8_t> &other) {
  test::expect(one.size() == other.size(), "pictures of one size");
  int largest = 0;
  for (std::size_t at = 0; at < one.size(); ++at) largest = std::max(largest, std::abs(one[at] - other[at]));
  return largest;
}

void only_graphs_in_use_stay(const std::shared_ptr<const Contents> &contents,
                             const std::shared_ptr<const accel::core::Backend> &backend) {
  const Manifest &manifest = contents->bundle().manifest();
  const auto low_backend = std::make_shared<const test::WatchedBackend>(backend);
  const auto kept_backend = std::make_shared<const test::WatchedBackend>(backend);
  accel::core::Pipeline low(contents, low_backend, "", Memory::low);
  accel::core::Pipeline kept(contents, kept_backend, "", Memory::keep_loaded);
  const std::vector<std::string> unet = {manifest.denoiser.deep, manifest.denoiser.shallow.at(0).graph};
  const std::string &text = manifest.texts.begin()->first;
  const std::string &decoder = manifest.decoder->graph;

  const Drawn frugally = draw(low, *low_backend);
  const Drawn plainly = draw(kept, *kept_backend);

  test::expect(frugally.loaded == std::vector(5, paths(low, unet)), "the UNet's graphs alone at every call");
  test::expect(low_backend->watched().loaded == paths(low, {decoder}), "the decoder alone at the end");
  test::expect(low_backend->watched().most_entries == 1, "one entry of a batch at a time");
  test::expect(kept_backend->watched().loaded == paths(kept, {text, unet[0], unet[1], decoder}),
               "all of them otherwise");
  test::expect(kept_backend->watched().most_entries == rows, "all rows at a time otherwise");
  test::expect(largest_difference(frugally.pixels, plainly.pixels) <= 1, "the same picture, but for rounding");
}

}  // namespace

int main(int count, char **texts) {
  test::expect(count == 3, "test_low_memory BUNDLE ONNXRUNTIME");
  auto bundle = accel::core::Bundle::open(texts[1], {});
  const auto contents = std::make_shared<const Contents>(std::move(bundle));
  only_graphs_in_use_stay(contents, accel::core::Backend::open({texts[2], "cpu", {}, 1}));
  return 0;
}
