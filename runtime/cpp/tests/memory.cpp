// test_memory BUNDLE ONNXRUNTIME [IMAGES [BUNDLES]]: memory does not grow from image to image, nor from bundle to
// bundle.
#include <fstream>

#include "accel/accel.hpp"
#include "expect.hpp"

namespace {

constexpr std::size_t most_growth = 8;  // MB, over three quarters of what is done

std::size_t resident_megabytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0;
  file >> pages >> pages;
  return pages * 4096 / 1'000'000;
}

template <typename Work>
void stays_flat(const char *what, std::size_t times, Work work) {
  if (times == 0) return;
  std::size_t after_some = 0;
  for (std::size_t time = 0; time < times; ++time) {
    work(time);
    if (time == times / 4) after_some = resident_megabytes();
  }
  const std::size_t after_all = resident_megabytes();
  std::printf("%zu %s: %zu MB after a quarter, %zu MB at the end\n", times, what, after_some, after_all);
  test::expect(after_all <= after_some + most_growth, "flat memory");
}

accel::Plan short_plan(const accel::Bundle &bundle) {
  accel::Plan plan(bundle, "every:2");
  plan.scheduler("ddim").steps(5);
  return plan;
}

}  // namespace

int main(int count, char **texts) {
  test::expect(count >= 3 && count <= 5, "test_memory BUNDLE ONNXRUNTIME [IMAGES [BUNDLES]]");
  const std::size_t images = count >= 4 ? std::stoul(texts[3]) : 100;
  const std::size_t bundles = count == 5 ? std::stoul(texts[4]) : 25;
  const accel_bundle_options options = {sizeof options, ACCEL_VERIFY_SIZES, nullptr};
  const accel::Backend backend(texts[2], "cpu", {}, 1);
  const accel::Bundle bundle(texts[1], options);
  const accel::Pipeline pipeline(bundle, backend);
  const accel::Plan plan = short_plan(bundle);
  stays_flat("images", images, [&](std::size_t image) {
    pipeline.generate(plan, std::move(accel::Request("apple " + std::to_string(image)).seed(image)));
  });
  stays_flat("bundles and their first image, low in memory", bundles, [&](std::size_t image) {
    const accel::Bundle own(texts[1], options);
    const accel::Pipeline drawing(own, backend, "", ACCEL_LOW_MEMORY);
    drawing.generate(short_plan(own), std::move(accel::Request("an owl").seed(image)));
  });
  return 0;
}
