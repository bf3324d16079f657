// Memory that runs out when it is told to. Plain builds fail in malloc, which everything takes memory from; those with
// AddressSanitizer, which has a malloc of its own, in operator new.
#pragma once

namespace test {

enum class Failing { once, from_there_on };

// The allocation of that number from now on fails, from 0; then it goes on, or fails every time.
void fail_at(long number, Failing failing);

// Takes that back, and tells whether it came to that allocation.
bool stop_failing();

}  // namespace test
