#include "failing_memory.hpp"

#include <cerrno>
#include <cstdlib>
#include <new>

namespace {

// One thread allocates while memory is told to fail.
long left = -1;  // allocations that still succeed; negative for all
bool goes_on = false;
bool has_failed = false;

bool fails() {
  if (left < 0) return false;
  if (left > 0) {
    --left;
    return false;
  }
  has_failed = true;
  if (goes_on) left = -1;
  errno = ENOMEM;
  return true;
}

}  // namespace

namespace test {

void fail_at(long number, Failing failing) {
  left = number;
  goes_on = failing == Failing::once;
  has_failed = false;
}

bool stop_failing() {
  left = -1;
  return has_failed;
}

}  // namespace test

#if defined(TEST_SANITIZED)

void *operator new(std::size_t bytes) {
  void *memory = fails() ? nullptr : std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void *operator new[](std::size_t bytes) { return operator new(bytes); }
void *operator new(std::size_t bytes, const std::nothrow_t &) noexcept {
  return fails() ? nullptr : std::malloc(bytes == 0 ? 1 : bytes);
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete[](void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void *memory, std::size_t) noexcept { std::free(memory); }

#elif defined(__GLIBC__)

extern "C" {

void *__libc_malloc(std::size_t bytes);
void *__libc_calloc(std::size_t count, std::size_t bytes);
void *__libc_realloc(void *memory, std::size_t bytes);

void *malloc(std::size_t bytes) { return fails() ? nullptr : __libc_malloc(bytes); }
void *calloc(std::size_t count, std::size_t bytes) { return fails() ? nullptr : __libc_calloc(count, bytes); }
void *realloc(void *memory, std::size_t bytes) { return fails() ? nullptr : __libc_realloc(memory, bytes); }
}

#endif
