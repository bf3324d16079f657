// Files that others wrote, read within bounds: whatever is wrong with one is a single line that names it.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/error.hpp"

namespace accel::core {

// Far more than any of our documents has, and little enough to be read at once.
inline constexpr std::uint64_t largest_document = std::uint64_t{256} << 20;

// Of a file: device, inode, bytes, and when it was last written to, in seconds and nanoseconds.
using Identity = std::array<std::int64_t, 5>;

// A file that is read from its beginning to its end, without a buffer of its own. Raises an `Error` of `status` where
// that cannot be done.
class FileReader {
 public:
  FileReader(std::string path, Status status);
  ~FileReader();
  FileReader(const FileReader &) = delete;
  FileReader &operator=(const FileReader &) = delete;

  // The next bytes, as many as there are up to `most`: fewer only at the end.
  std::size_t read(char *target, std::size_t most);

 private:
  std::string path_;
  Status status_;
  int descriptor_;
};

// The bytes of a document, at most `limit` of them. Raises an `Error` of `status` where it cannot be read, or is
// larger.
std::string read_document(const std::string &path, Status status, std::uint64_t limit = largest_document);

// Raises a `BundleError` where there is no such file.
Identity identity_of(const std::string &path);

// Whether something lies there, a link without an end included.
bool exists(const std::string &path);

// Whether it is a file, or a link to one.
bool is_file(const std::string &path);

// The path with all links followed; empty where there is nothing.
std::string real_path(const std::string &path);

}  // namespace accel::core
