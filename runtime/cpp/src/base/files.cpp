#include "base/files.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

namespace accel::core {
namespace {

// Grows by what is there, so that a file that says it is large takes no memory before it is read.
constexpr std::size_t chunk_bytes = std::size_t{1} << 20;

[[noreturn]] void unreadable(const std::string &path, Status status) {
  if (errno == ENOMEM) throw std::bad_alloc();
  throw Error(status, join(path, ": cannot be read: ", std::strerror(errno)));
}

}  // namespace

FileReader::FileReader(std::string path, Status status)
    : path_(std::move(path)), status_(status), descriptor_(open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ < 0) unreadable(path_, status_);
}

FileReader::~FileReader() { close(descriptor_); }

std::size_t FileReader::read(char *target, std::size_t most) {
  std::size_t had = 0;
  while (had < most) {
    const ssize_t got = ::read(descriptor_, target + had, most - had);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) unreadable(path_, status_);
    if (got == 0) break;
    had += static_cast<std::size_t>(got);
  }
  return had;
}

std::string read_document(const std::string &path, Status status, std::uint64_t limit) {
  struct stat found = {};
  if (stat(path.c_str(), &found) != 0) unreadable(path, status);
  if (!S_ISREG(found.st_mode)) throw Error(status, join(path, ": cannot be read: no file"));
  FileReader file(path, status);
  std::string raw;
  for (bool goes_on = true; goes_on && raw.size() <= limit;) {
    const std::size_t had = raw.size();
    const auto expected = static_cast<std::size_t>(found.st_size);
    const std::size_t most = expected > had ? std::min(expected - had + 1, chunk_bytes) : chunk_bytes;
    raw.resize(had + most);
    const std::size_t got = file.read(raw.data() + had, most);
    raw.resize(had + got);
    goes_on = got == most;
  }
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
  if (!real && errno == ENOMEM) throw std::bad_alloc();
  return real ? std::string(real.get()) : std::string();
}

}  // namespace accel::core
