// test_cancel BUNDLE ONNXRUNTIME: a request stops at whatever call it is told to, by itself and from another thread.
#include <atomic>
#include <stdexcept>
#include <thread>

#include "accel/accel.hpp"
#include "expect.hpp"

namespace {

constexpr std::size_t calls = 5;

struct Place {
  accel::Bundle bundle;
  accel::Backend backend;
  accel::Pipeline pipeline;
  accel::Plan plan;

  Place(const char *folder, const char *library)
      : bundle(folder), backend(library, "cpu", {}, 1), pipeline(bundle, backend), plan(bundle, "every:2") {
    plan.scheduler("ddim").steps(calls);
  }
};

accel_status status_of(const Place &place, const accel::Request &request) {
  try {
    place.pipeline.generate(place.plan, request);
    return ACCEL_OK;
  } catch (const accel::Failure &failure) {
    return failure.status();
  }
}

void a_callback_stops_at_every_call(const Place &place) {
  for (std::size_t last = 0; last < calls; ++last) {
    std::size_t seen = 0;
    accel::Request request("a red apple");
    request.on_progress([&](const accel_progress &progress) {
      test::expect(progress.index == seen && progress.total == calls, "calls in their order");
      ++seen;
      return progress.index != last;
    });
    test::expect(status_of(place, request) == ACCEL_CANCELLED, "cancelled by the callback");
    test::expect(seen == last + 1, "no call after the one that stops");
  }
}

void another_thread_stops_at_every_call(const Place &place) {
  for (std::size_t last = 0; last < calls; ++last) {
    std::atomic<bool> is_there = false;
    accel::Request request("a red apple");
    request.on_progress([&](const accel_progress &progress) {
      if (progress.index != last) return true;
      is_there = true;
      while (is_there) std::this_thread::yield();
      return true;
    });
    std::thread other([&] {
      while (!is_there) std::this_thread::yield();
      request.cancel();
      is_there = false;
    });
    test::expect(status_of(place, request) == ACCEL_CANCELLED, "cancelled by another thread");
    other.join();
    test::expect(status_of(place, request) == ACCEL_CANCELLED, "a cancelled request stays so");
  }
}

void an_exception_of_the_callback_comes_back(const Place &place) {
  accel::Request request("a red apple");
  request.on_progress([](const accel_progress &) -> bool { throw std::out_of_range("mine"); });
  bool came_back = false;
  try {
    place.pipeline.generate(place.plan, request);
  } catch (const std::out_of_range &error) {
    came_back = std::string(error.what()) == "mine";
  }
  test::expect(came_back, "the callback's own exception");
}

}  // namespace

int main(int count, char **texts) {
  test::expect(count == 3, "test_cancel BUNDLE ONNXRUNTIME");
  const Place place(texts[1], texts[2]);
  a_callback_stops_at_every_call(place);
  another_thread_stops_at_every_call(place);
  an_exception_of_the_callback_comes_back(place);
  test::expect(status_of(place, accel::Request("a red apple")) == ACCEL_OK, "a picture after all that");
  return 0;
}
