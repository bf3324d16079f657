// SHA-256, by OpenSSL's libcrypto.
#pragma once

#include <string>

namespace accel::core {

// 64 hexadecimal digits.
std::string sha256_of(const std::string &bytes);

// The same of a file's content. Raises a `BundleError` where it cannot be read.
std::string sha256_of_file(const std::string &path);

}  // namespace accel::core
