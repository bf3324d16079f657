// PNG files of 8-bit RGB, by libpng.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tool {

// [height, width, 3].
struct Picture {
  std::vector<std::uint8_t> pixels;
  std::int32_t height = 0;
  std::int32_t width = 0;
};

// Raises a `std::runtime_error` with one line where the file cannot be read or written.
Picture read_png(const std::string &path);
void write_png(const std::string &path, const Picture &picture);

}  // namespace tool
