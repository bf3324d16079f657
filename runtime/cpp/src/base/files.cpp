#include "base/files.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

namespace accel::core {
namespace {

// Grows by what is there, so that a file that says it is large takes no memory before it is read.
constexpr std::size_t chunk_bytes = std::size_t{1} << 20;

[[noreturn]] void unreadable(const std::string &path, Status status) {
  throw Error(status, join(path, ": cannot be read: ", std::strerror(errno)));
}

}  // namespace

std::string read_document(const std::string &path, Status status, std::uint64_t limit) {
  struct stat found = {};
  if (stat(path.c_str(), &found) != 0) unreadable(path, status);
  if (!S_ISREG(found.st_mode)) throw Error(status, join(path, ": cannot be read: no file"));
  std::ifstream file(path, std::ios::binary);
  if (!file) unreadable(path, status);
  std::string raw;
  while (file && raw.size() <= limit) {
    const std::size_t had = raw.size();
    const auto expected = static_cast<std::size_t>(found.st_size);
    raw.resize(had + std::clamp(expected > had ? expected - had + 1 : chunk_bytes, std::size_t{1}, chunk_bytes));
    file.read(raw.data() + had, static_cast<std::streamsize>(raw.size() - had));
    raw.resize(had + static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad()) unreadable(path, status);
  if (raw.size() > limit) throw Error(status, join(path, ": expected at most ", limit, " bytes, got more"));
  return raw;
}

Identity identity_of(const std::string &path) {
  struct stat found = {};
  if (stat(path.c_str(), &found) != 0) unreadable(path, Status::bundle);
#if defined(__APPLE__)
  const timespec written = found.st_mtimespec;
#else
  const timespec written = found.st_mtim;
#endif
  return {static_cast<std::int64_t>(found.st_dev), static_cast<std::int64_t>(found.st_ino),
          static_cast<std::int64_t>(found.st_size), static_cast<std::int64_t>(written.tv_sec),
          static_cast<std::int64_t>(written.tv_nsec)};
}

bool exists(const std::string &path) {
  struct stat found = {};
  return lstat(path.c_str(), &found) == 0;
}

bool is_file(const std::string &path) {
  struct stat found = {};
  return stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode);
}

std::string real_path(const std::string &path) {
  const std::unique_ptr<char, decltype(&free)> real(realpath(path.c_str(), nullptr), &free);
  return real ? std::string(real.get()) : std::string();
}

}  // namespace accel::core
