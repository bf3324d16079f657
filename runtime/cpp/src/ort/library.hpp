// ONNX Runtime, loaded when it is asked for: one binary of ours runs with any release of theirs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ort/api.hpp"

namespace accel::core::ort {

// A handle of ONNX Runtime's that is released by a function of its table.
template <typename Thing>
using Owned = std::unique_ptr<Thing, void (*)(Thing *)>;

class Library {
 public:
  // Loads the file; an empty path takes `libonnxruntime.so` from where the linker looks. Raises a `BackendError`.
  static std::shared_ptr<const Library> load(const std::string &path);
  ~Library();
  Library(const Library &) = delete;
  Library &operator=(const Library &) = delete;

  const std::string &version() const { return version_; }
  std::vector<std::string> available_providers() const;

  // Calls a function of the table that gives no status.
  template <typename Slot, typename... Arguments>
  auto call(Arguments... arguments) const {
    return function<Slot>()(arguments...);
  }

  // Calls one that gives a status. Raises a `BackendError` that begins with `what`.
  template <typename Slot, typename... Arguments>
  void check(const std::string &what, Arguments... arguments) const {
    raise_unless_ok(function<Slot>()(arguments...), what);
  }

  // Makes a thing by a function whose last argument is where it goes.
  template <typename Create, typename Release, typename Thing, typename... Arguments>
  Owned<Thing> make(const std::string &what, Arguments... arguments) const {
    Thing *made = nullptr;
    check<Create>(what, arguments..., &made);
    return Owned<Thing>(made, function<Release>());
  }

 private:
  explicit Library(void *handle) : handle_(handle) {}

  void find_api(const std::string &path);
  void raise_unless_ok(Status *status, const std::string &what) const;

  template <typename Slot>
  typename Slot::Function function() const {
    return reinterpret_cast<typename Slot::Function>(table_[Slot::position]);
  }

  void *handle_;
  void *const *table_ = nullptr;
  std::string version_;
};

// What ONNX Runtime says went wrong, in one line, without the place in its sources.
std::string reason(const std::string &message);

}  // namespace accel::core::ort
