// test_speed BUNDLE ONNXRUNTIME [first]: start-up to the first image, the time of an image, and what two threads with a
// pipeline each draw beside one, as JSON. With `first` it ends behind the first image, which tells what start-up takes.
#include <algorithm>
#include <chrono>
#include <ctime>
#include <string>
#include <thread>

#include "accel/accel.hpp"
#include "expect.hpp"

namespace {

constexpr int images = 20;
constexpr int rounds = 5;

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

template <typename Number>
Number median(std::vector<Number> numbers) {
  std::sort(numbers.begin(), numbers.end());
  return numbers[numbers.size() / 2];
}

void draw(const accel::Bundle &bundle, const accel::Pipeline &pipeline, int count) {
  accel::Plan plan(bundle, "every:5");
  plan.scheduler("ddim").steps(20);
  for (int image = 0; image < count; ++image) {
    pipeline.generate(plan, std::move(accel::Request("a red apple").guidance(4)));
  }
}

// How many times as many images a second two threads draw, and as much processor time an image.
struct Threads {
  double throughput;
  double processor;
};

struct Taken {
  double wall;
  double processor;
};

template <typename Work>
Taken taken(Work work) {
  const std::clock_t computed = std::clock();
  const auto start = Clock::now();
  work();
  const double wall = milliseconds_since(start);
  return {wall, 1000.0 * static_cast<double>(std::clock() - computed) / CLOCKS_PER_SEC};
}

Threads compare(const accel::Bundle &bundle, const accel::Pipeline &one, const accel::Pipeline &other) {
  std::vector<double> throughputs;
  std::vector<double> processors;
  for (int round = 0; round < rounds; ++round) {
    const Taken alone = taken([&] { draw(bundle, one, images); });
    const Taken both = taken([&] {
      std::thread second([&] { draw(bundle, other, images); });
      draw(bundle, one, images);
      second.join();
    });
    throughputs.push_back(2 * alone.wall / both.wall);
    processors.push_back(both.processor / (2 * alone.processor));
  }
  return {median(throughputs), median(processors)};
}

}  // namespace

int main(int count, char **texts) {
  const bool ends = count == 4 && std::string(texts[3]) == "first";
  test::expect(count == 3 || ends, "test_speed BUNDLE ONNXRUNTIME [first]");
  const auto start = Clock::now();
  const accel::Bundle bundle(texts[1]);
  const double opened = milliseconds_since(start);
  const accel::Backend backend(texts[2], "cpu", {}, 1);
  const accel::Pipeline pipeline(bundle, backend);
  draw(bundle, pipeline, 1);
  const double first = milliseconds_since(start);
  if (ends) {
    std::printf("{\"open_ms\": %.2f, \"first_image_ms\": %.2f}\n", opened, first);
    return 0;
  }
  const Taken image = taken([&] { draw(bundle, pipeline, images); });
  const accel::Pipeline other(bundle, backend);
  draw(bundle, other, 1);
  const Threads threads = compare(bundle, pipeline, other);
  std::printf(
      "{\"open_ms\": %.2f, \"first_image_ms\": %.2f, \"image_ms\": %.3f, \"processor_ms\": %.3f, "
      "\"two_threads\": %.3f, \"two_threads_processor\": %.3f}\n",
      opened, first, image.wall / images, image.processor / images, threads.throughput, threads.processor);
  return 0;
}
