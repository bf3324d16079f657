// test_speed BUNDLE ONNXRUNTIME [THREADS]: start-up to the first image, and the time of an image and its calls, as
// JSON.
#include <algorithm>
#include <chrono>
#include <ctime>

#include "accel/accel.hpp"
#include "expect.hpp"

namespace {

constexpr int rounds = 20;

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace

int main(int count, char **texts) {
  test::expect(count == 3 || count == 4, "test_speed BUNDLE ONNXRUNTIME [THREADS]");
  const auto start = Clock::now();
  const accel::Bundle bundle(texts[1]);
  const double opened = milliseconds_since(start);
  const accel::Pipeline pipeline(bundle, accel::Backend(texts[2], "cpu", {}, count == 4 ? std::stoi(texts[3]) : 1));
  accel::Plan plan(bundle, "every:5");
  plan.scheduler("ddim").steps(20);
  const auto draw = [&] { pipeline.generate(plan, std::move(accel::Request("a red apple").guidance(4))); };
  draw();
  const double first = milliseconds_since(start);
  const std::clock_t computed = std::clock();
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) {
    const auto began = Clock::now();
    draw();
    times.push_back(milliseconds_since(began));
  }
  std::sort(times.begin(), times.end());
  const double processor = 1000.0 * static_cast<double>(std::clock() - computed) / CLOCKS_PER_SEC / rounds;
  std::printf("{\"open_ms\": %.2f, \"first_image_ms\": %.2f, \"image_ms\": %.3f, \"processor_ms\": %.3f}\n", opened,
              first, times[rounds / 2], processor);
  return 0;
}
