#include "base/sha256.hpp"

// The plain functions, which link to 60 kB of libcrypto; the newer interface brings all its algorithms.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <array>
#include <vector>

#include "base/files.hpp"

namespace accel::core {
namespace {

constexpr std::size_t hashed_at_once = std::size_t{1} << 16;  // of most files of a bundle all, and quick to clear

class Hash {
 public:
  Hash() { SHA256_Init(&context_); }

  void add(const char *bytes, std::size_t count) { SHA256_Update(&context_, bytes, count); }

  std::string digits() {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest = {};
    SHA256_Final(digest.data(), &context_);
    std::string text;
    for (const unsigned char byte : digest) {
      text += "0123456789abcdef"[byte >> 4];
      text += "0123456789abcdef"[byte & 15];
    }
    return text;
  }

 private:
  SHA256_CTX context_ = {};
};

}  // namespace

std::string sha256_of(const std::string &bytes) {
  Hash hash;
  hash.add(bytes.data(), bytes.size());
  return hash.digits();
}

std::string sha256_of_file(const std::string &path) {
  FileReader file(path, Status::bundle);
  std::vector<char> chunk(hashed_at_once);
  Hash hash;
  while (const std::size_t got = file.read(chunk.data(), chunk.size())) hash.add(chunk.data(), got);
  return hash.digits();
}

}  // namespace accel::core
