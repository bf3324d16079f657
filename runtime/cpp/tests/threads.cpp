// test_threads BUNDLE ONNXRUNTIME: two threads draw what one draws, with a pipeline each and with one for both, whose
// graphs stay loaded or are let go of by either thread.
#include <chrono>
#include <thread>

#include "accel/accel.hpp"
#include "expect.hpp"

namespace {

constexpr std::uint64_t images = 4;

struct Drawn {
  std::vector<std::vector<std::uint8_t>> pictures;
};

// Pictures of the seeds from `seed` on.
Drawn draw(const accel::Bundle &bundle, const accel::Pipeline &pipeline, std::uint64_t seed) {
  accel::Plan plan(bundle, "every:2");
  plan.scheduler("euler_a").steps(5).forecast("linear");
  Drawn drawn;
  for (std::uint64_t image = 0; image < images; ++image) {
    const accel::Request request = std::move(accel::Request("a red apple").seed(seed + image).guidance(4));
    drawn.pictures.push_back(pipeline.generate(plan, request).pixels);
  }
  return drawn;
}

double seconds_of(const accel::Bundle &bundle, const accel::Pipeline &one, const accel::Pipeline &other,
                  Drawn (&drawn)[2]) {
  const auto start = std::chrono::steady_clock::now();
  std::thread first([&] { drawn[0] = draw(bundle, one, 0); });
  std::thread second([&] { drawn[1] = draw(bundle, other, images); });
  first.join();
  second.join();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void two_draw_what_one_draws(const char *what, const accel::Bundle &bundle, const accel::Pipeline &one,
                             const accel::Pipeline &other) {
  const Drawn expected[] = {draw(bundle, one, 0), draw(bundle, one, images)};
  test::expect(expected[0].pictures[0] != expected[1].pictures[0], "seeds that matter");
  Drawn drawn[2];
  const double seconds = seconds_of(bundle, one, other, drawn);
  std::printf("%s: %.1f images per second\n", what, static_cast<double>(2 * images) / seconds);
  for (int each = 0; each < 2; ++each) {
    test::expect(drawn[each].pictures == expected[each].pictures, "the pictures of one thread");
  }
}

}  // namespace

int main(int count, char **texts) {
  test::expect(count == 3, "test_threads BUNDLE ONNXRUNTIME");
  const accel::Bundle bundle(texts[1]);
  const accel::Backend backend(texts[2], "cpu", {}, 1);
  const accel::Pipeline one(bundle, backend);
  const accel::Pipeline other(bundle, backend);
  const accel::Pipeline low(bundle, backend, "", ACCEL_LOW_MEMORY);
  two_draw_what_one_draws("two pipelines", bundle, one, other);
  two_draw_what_one_draws("one pipeline", bundle, one, one);
  two_draw_what_one_draws("one pipeline, low in memory", bundle, low, low);
  return 0;
}
