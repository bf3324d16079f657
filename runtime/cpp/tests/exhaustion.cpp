// test_exhaustion BUNDLE [EVERY]: memory that runs out at any allocation of opening a bundle, asking it for a plan and
// tokens is an error, and nothing is lost by it. With EVERY, at every so-many-th allocation.
#include <algorithm>
#include <vector>

#include "accel/accel.h"
#include "expect.hpp"
#include "failing_memory.hpp"

namespace {

// What is made by an attempt, and must be given back whatever becomes of it.
struct Attempt {
  accel_bundle *bundle = nullptr;
  accel_plan *plan = nullptr;
  accel_request *request = nullptr;

  ~Attempt() {
    accel_request_close(request);
    accel_plan_close(plan);
    accel_bundle_close(bundle);
  }
};

constexpr char prompt[] = "a red apple, caf\xc3\xa9";

// Up to the first thing that fails. A model without prompts has no tokens.
accel_status attempt(const char *folder, Attempt &made, accel_error &error) {
  const accel_bundle_options options = {sizeof options, ACCEL_VERIFY_HASHES, nullptr};
  accel_status status = accel_bundle_open(folder, &options, &made.bundle, &error);
  if (status == ACCEL_OK) status = accel_plan_open(made.bundle, "calls:0,2", &made.plan, &error);
  if (status == ACCEL_OK) status = accel_plan_set_scheduler(made.plan, "ddim", &error);
  if (status == ACCEL_OK) status = accel_request_create(&made.request, &error);
  if (status == ACCEL_OK) status = accel_request_add_prompt(made.request, prompt, &error);
  if (status == ACCEL_OK && accel_bundle_text_encoder(made.bundle, 0) != nullptr) {
    std::size_t length = 0;
    status = accel_bundle_tokenize(made.bundle, nullptr, prompt, nullptr, 0, &length, nullptr, &error);
  }
  return status;
}

// Tries each allocation in turn, until there are no more.
void running_out_is_an_error(const char *folder, test::Failing failing, long every) {
  long places = 0;
  long harmless = 0;
  for (long number = 0;; number += every) {
    Attempt made;
    accel_error error;
    test::fail_at(number, failing);
    const accel_status status = attempt(folder, made, error);
    if (!test::stop_failing()) {
      test::expect(status == ACCEL_OK, std::string("a bundle where memory lasts, got: ") + error.text);
      break;
    }
    ++places;
    // Some of what is asked for is done without, such as the room that sorting is quicker with.
    harmless += status == ACCEL_OK ? 1 : 0;
    const bool is_told = status == ACCEL_OUT_OF_MEMORY && error.text[0] != '\0';
    test::expect(is_told || status == ACCEL_OK, "out of memory at allocation " + std::to_string(number) +
                                                    ", got: " + std::to_string(status) + " " + error.text);
  }
  std::printf("%s: out of memory at %ld allocations, %ld of them of no harm\n",
              failing == test::Failing::once ? "once" : "from there on", places, harmless);
  test::expect(places * every > 500, "out of memory at many places");
  test::expect(harmless * 100 <= places, "an error at nearly all of them");
}

}  // namespace

int main(int count, char **texts) {
  test::expect(count == 2 || count == 3, "test_exhaustion BUNDLE [EVERY]");
  const long every = count == 3 ? std::max(1L, std::stol(texts[2])) : 1;
  for (const test::Failing failing : {test::Failing::once, test::Failing::from_there_on}) {
    running_out_is_an_error(texts[1], failing, every);
  }
  return 0;
}
