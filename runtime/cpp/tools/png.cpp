#include "png.hpp"

#include <png.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
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

// Whether it may be replaced by another file: a device or a pipe, such as /dev/stdout, may not.
bool is_ordinary(const std::string &path) {
  std::error_code unknown;
  const auto kind = std::filesystem::symlink_status(path, unknown).type();
  return kind == std::filesystem::file_type::regular || kind == std::filesystem::file_type::not_found;
}

}  // namespace

Picture read_png(const std::string &path) {
  Image file;
  if (png_image_begin_read_from_file(&file.image, path.c_str()) == 0) {
    throw std::runtime_error(path + ": cannot be read: " + file.image.message);
  }
  if (file.image.width > longest_side || file.image.height > longest_side) {
    throw std::runtime_error(path + ": expected at most 16384 pixels to a side");
  }
  // With its transparency, which libpng would else lay on black.
  file.image.format = PNG_FORMAT_RGBA;
  std::vector<std::uint8_t> read(PNG_IMAGE_SIZE(file.image));
  if (png_image_finish_read(&file.image, nullptr, read.data(), 0, nullptr) == 0) {
    throw std::runtime_error(path + ": cannot be read: " + file.image.message);
  }
  Picture picture{{}, static_cast<std::int32_t>(file.image.height), static_cast<std::int32_t>(file.image.width)};
  picture.pixels.reserve(read.size() / 4 * 3);
  for (std::size_t at = 0; at < read.size(); at += 4) {
    picture.pixels.insert(picture.pixels.end(), &read[at], &read[at] + 3);
  }
  return picture;
}

Levels grey(const Picture &picture) {
  Levels made{{}, picture.height, picture.width};
  made.levels.reserve(picture.pixels.size() / 3);
  for (std::size_t at = 0; at < picture.pixels.size(); at += 3) {
    const std::uint32_t sum =
        19595U * picture.pixels[at] + 38470U * picture.pixels[at + 1] + 7471U * picture.pixels[at + 2] + 0x8000U;
    made.levels.push_back(static_cast<std::uint8_t>(sum >> 16));
  }
  return made;
}

void write_png(const std::string &path, const Picture &picture) {
  Image file;
  file.image.width = static_cast<std::uint32_t>(picture.width);
  file.image.height = static_cast<std::uint32_t>(picture.height);
  file.image.format = PNG_FORMAT_RGB;
  const std::string aside = is_ordinary(path) ? path + ".part" : path;
  if (png_image_write_to_file(&file.image, aside.c_str(), 0, picture.pixels.data(), 0, nullptr) == 0) {
    throw std::runtime_error(path + ": cannot be written: " + file.image.message);
  }
  if (aside != path && std::rename(aside.c_str(), path.c_str()) != 0) {
    const std::string reason = std::strerror(errno);
    std::remove(aside.c_str());
    throw std::runtime_error(path + ": cannot be written: " + reason);
  }
}

}  // namespace tool
