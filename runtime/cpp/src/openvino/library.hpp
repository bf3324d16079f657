// OpenVINO, loaded when it is asked for: one binary of ours runs with any release of theirs.
#pragma once

#include <memory>
#include <string>

#include "openvino/api.hpp"

namespace accel::core::openvino {

// A handle of OpenVINO's that is released by a function of its own.
template <typename Thing>
using Owned = std::unique_ptr<Thing, void (*)(Thing *)>;

// It is never unloaded, as its threads outlive its last handle.
class Library {
 public:
  // Loads the file; an empty path takes `libopenvino_c.so` from where the linker looks. Raises a `BackendError`.
  static std::shared_ptr<const Library> load(const std::string &path);

  const Api &api() const { return api_; }
  const std::string &version() const { return version_; }

  // Raises a `BackendError` that begins with `what` where a function said that it failed.
  void check(Code code, const std::string &what) const;

 private:
  Library() = default;

  void find_functions(void *handle, const std::string &path);

  Api api_ = {};
  std::string version_;
};

}  // namespace accel::core::openvino
