// Every error that libaccel raises on purpose, as accel_runtime.errors has them. None crosses the C ABI as an
// exception.
#pragma once

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace accel::core {

// The numbers are those of `accel_status` in accel.h.
enum class Status : std::int32_t {
  ok = 0,
  input = 1,
  bundle = 2,
  backend = 3,
  numerics = 4,
  cancelled = 5,
  memory = 6,
  internal = 7,
};

// One line: what, expected, got, what to do.
class Error : public std::runtime_error {
 public:
  Error(Status status, const std::string &text) : std::runtime_error(text), status_(status) {}

  Status status() const noexcept { return status_; }

 private:
  Status status_;
};

// An argument of the caller's that cannot be used.
class InputError : public Error {
 public:
  explicit InputError(const std::string &text) : Error(Status::input, text) {}
};

// A bundle on disk is incomplete, changed or malformed.
class BundleError : public Error {
 public:
  explicit BundleError(const std::string &text) : Error(Status::bundle, text) {}
};

// A graph cannot be executed as asked.
class BackendError : public Error {
 public:
  explicit BackendError(const std::string &text) : Error(Status::backend, text) {}
};

// Latents or pixels became NaN or infinite, so there is no picture.
class NumericsError : public Error {
 public:
  explicit NumericsError(const std::string &text) : Error(Status::numerics, text) {}
};

// Somebody asked for the end.
class Cancelled : public Error {
 public:
  explicit Cancelled(const std::string &text) : Error(Status::cancelled, text) {}
};

// A document that is not what it should be: begins with a key, and is told with its file by whoever read that.
class Malformed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline constexpr const char *numerics_advice =
    "half precision overflows in some models: export with --dtype bf16 or fp32; in these, lower the guidance";

// A text, or a number as C++'s streams write it.
template <typename Part>
void append_part(std::string &text, const Part &part) {
  if constexpr (std::is_integral_v<Part>) {
    text += std::to_string(part);
  } else if constexpr (std::is_floating_point_v<Part>) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%g", static_cast<double>(part));
    text += digits;
  } else {
    text += std::string_view(part);
  }
}

// The parts as text, one after the other. No stream: one that runs out of memory goes on without what it was given.
template <typename... Parts>
std::string join(const Parts &...parts) {
  std::string text;
  (append_part(text, parts), ...);
  return text;
}

// The texts of a list with commas between them.
template <typename List>
std::string listed(const List &texts) {
  std::string all;
  for (const auto &text : texts) all += (all.empty() ? "" : ", ") + std::string(text);
  return all;
}

}  // namespace accel::core
