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

// [height, width].
struct Levels {
  std::vector<std::uint8_t> levels;
  std::int32_t height = 0;
  std::int32_t width = 0;
};

// A picture without its transparency. Raises a `std::runtime_error` with one line where the file cannot be read.
Picture read_png(const std::string &path);

// How bright it is, rounded as Pillow's convert("L") rounds.
Levels grey(const Picture &picture);

// The file appears whole or not at all. Raises a `std::runtime_error` with one line where it cannot be written.
void write_png(const std::string &path, const Picture &picture);

}  // namespace tool
