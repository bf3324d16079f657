// test_memory BUNDLE ONNXRUNTIME [IMAGES]: memory that runs out while a bundle is opened is an error, and memory does
// not grow from image to image.
#include <atomic>
#include <fstream>
#include <new>

#include "accel/accel.hpp"
#include "expect.hpp"

namespace {

// How many allocations still succeed; negative for all.
std::atomic<long> left{-1};

void *allocate(std::size_t bytes) {
  if (left >= 0 && left-- == 0) {
    left = 0;
    throw std::bad_alloc();
  }
  if (void *memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}

std::size_t resident_megabytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0;
  file >> pages >> pages;
  return pages * 4096 / 1'000'000;
}

void running_out_at_open_is_an_error(const char *folder) {
  const accel_bundle_options options = {sizeof options, ACCEL_VERIFY_SIZES, nullptr};
  std::size_t failures = 0;
  for (long allowed = 0;; allowed = allowed + 1 + allowed / 16) {
    accel_bundle *bundle = nullptr;
    accel_error error;
    left = allowed;
    const accel_status status = accel_bundle_open(folder, &options, &bundle, &error);
    left = -1;
    if (status == ACCEL_OK) {
      accel_bundle_close(bundle);
      break;
    }
    test::expect(bundle == nullptr && error.text[0] != '\0', "no bundle, and a text");
    failures += status == ACCEL_OUT_OF_MEMORY ? 1U : 0U;
  }
  std::printf("out of memory at %zu places of opening\n", failures);
  test::expect(failures > 50, "out of memory at many places");
}

void many_images_take_the_memory_of_few(const char *folder, const char *library, std::size_t images) {
  const accel::Bundle bundle(folder, {sizeof(accel_bundle_options), ACCEL_VERIFY_SIZES, nullptr});
  const accel::Pipeline pipeline(bundle, accel::Backend(library, "cpu", {}, 1));
  accel::Plan plan(bundle, "every:2");
  plan.scheduler("ddim").steps(5);
  std::size_t after_some = 0;
  for (std::size_t image = 0; image < images; ++image) {
    pipeline.generate(plan, std::move(accel::Request("apple " + std::to_string(image)).seed(image)));
    if (image == images / 4) after_some = resident_megabytes();
  }
  const std::size_t after_all = resident_megabytes();
  std::printf("%zu images: %zu MB after a quarter, %zu MB at the end\n", images, after_some, after_all);
  test::expect(after_all <= after_some + 8, "flat memory");
}

}  // namespace

void *operator new(std::size_t bytes) { return allocate(bytes); }
void *operator new[](std::size_t bytes) { return allocate(bytes); }
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete[](void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void *memory, std::size_t) noexcept { std::free(memory); }

int main(int count, char **texts) {
  test::expect(count == 3 || count == 4, "test_memory BUNDLE ONNXRUNTIME [IMAGES]");
  running_out_at_open_is_an_error(texts[1]);
  many_images_take_the_memory_of_few(texts[1], texts[2], count == 4 ? std::stoul(texts[3]) : 12);
  return 0;
}
