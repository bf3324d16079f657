#include "png.hpp"

#include <png.h>

#include <cstring>
#include <stdexcept>

namespace tool {
namespace {

constexpr std::uint32_t longest_side = 1 << 14;

// libpng's own state for one file, freed with it.
class Image {
 public:
  Image() {
    std::memset(&image, 0, sizeof image);
    image.version = PNG_IMAGE_VERSION;
  }
  ~Image() { png_image_free(&image); }
  Image(const Image &) = delete;
  Image &operator=(const Image &) = delete;

  png_image image;
};

}  // namespace

Picture read_png(const std::string &path) {
  Image file;
  if (png_image_begin_read_from_file(&file.image, path.c_str()) == 0) {
    throw std::runtime_error(path + ": cannot be read: " + file.image.message);
  }
  if (file.image.width > longest_side || file.image.height > longest_side) {
    throw std::runtime_error(path + ": expected at most 16384 pixels to a side");
  }
  file.image.format = PNG_FORMAT_RGB;
  Picture picture{std::vector<std::uint8_t>(PNG_IMAGE_SIZE(file.image)), static_cast<std::int32_t>(file.image.height),
                  static_cast<std::int32_t>(file.image.width)};
  if (png_image_finish_read(&file.image, nullptr, picture.pixels.data(), 0, nullptr) == 0) {
    throw std::runtime_error(path + ": cannot be read: " + file.image.message);
  }
  return picture;
}

void write_png(const std::string &path, const Picture &picture) {
  Image file;
  file.image.width = static_cast<std::uint32_t>(picture.width);
  file.image.height = static_cast<std::uint32_t>(picture.height);
  file.image.format = PNG_FORMAT_RGB;
  if (png_image_write_to_file(&file.image, path.c_str(), 0, picture.pixels.data(), 0, nullptr) == 0) {
    throw std::runtime_error(path + ": cannot be written: " + file.image.message);
  }
}

}  // namespace tool
