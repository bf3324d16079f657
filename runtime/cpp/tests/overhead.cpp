// test_overhead BUNDLE ONNXRUNTIME: processor time of the loop at a UNet call, less that of the graph, as JSON. It is
// taken from the first call of an image to its last, so that neither binding nor decoding counts.
#include <algorithm>
#include <vector>

#include "expect.hpp"
#include "pipeline.hpp"
#include "timed_backend.hpp"

namespace {

using accel::core::Step;

constexpr int images = 60;

// Between the calls of an image.
class Overhead {
 public:
  explicit Overhead(const test::TimedBackend &backend) : backend_(backend) {}

  void saw(const Step &step) {
    const double outside = test::processor_seconds() - backend_.inside();
    if (step.index == 0) first_ = outside;
    if (step.index + 1 == step.total) {
      of_images_.push_back((outside - first_) / static_cast<double>(step.total - 1));
    }
  }

  double median() {
    std::sort(of_images_.begin(), of_images_.end());
    return of_images_[of_images_.size() / 2];
  }

 private:
  const test::TimedBackend &backend_;
  double first_ = 0;
  std::vector<double> of_images_;
};

}  // namespace

int main(int count, char **texts) {
  test::expect(count == 3, "test_overhead BUNDLE ONNXRUNTIME");
  auto bundle = accel::core::Bundle::open(texts[1], {});
  const auto contents = std::make_shared<const accel::core::Contents>(std::move(bundle));
  const auto backend = std::make_shared<const test::TimedBackend>(accel::core::Backend::open({texts[2], "cpu", {}, 1}));
  accel::core::Pipeline pipeline(contents, backend);
  accel::core::PlanSpec plan = contents->plan("every:5");
  plan.scheduler = "ddim";
  plan.steps = 20;
  accel::core::Request request;
  request.prompts = {"a red apple"};
  request.guidance = 4;
  Overhead overhead(*backend);
  pipeline.denoise(request, plan, [](const Step &) {});
  for (int image = 0; image < images; ++image) {
    pipeline.denoise(request, plan, [&](const Step &step) { overhead.saw(step); });
  }
  std::printf("{\"call_us\": %.3f}\n", 1e6 * overhead.median());
  return 0;
}
