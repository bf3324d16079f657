// A test is a program: it ends with 1 and a line at the first thing that does not hold.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

namespace test {

inline void expect(bool holds, const std::string &what) {
  if (holds) return;
  std::fprintf(stderr, "expected: %s\n", what.c_str());
  std::exit(1);
}

}  // namespace test
