// A backend that tells which graphs are loaded, and on how many entries of a batch they run.
#pragma once

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "backends/backend.hpp"

namespace test {

// Shared by all sessions of a backend; one thread may draw with it.
struct Watched {
  std::multiset<std::string> loaded;  // paths
  std::int64_t most_entries = 0;
};

class WatchedSession final : public accel::core::Session {
 public:
  WatchedSession(std::shared_ptr<const accel::core::Session> session, std::string path,
                 std::shared_ptr<Watched> watched)
      : session_(std::move(session)), watched_(std::move(watched)), path_(watched_->loaded.insert(std::move(path))) {}
  ~WatchedSession() override { watched_->loaded.erase(path_); }
  WatchedSession(const WatchedSession &) = delete;
  WatchedSession &operator=(const WatchedSession &) = delete;

  std::unique_ptr<const accel::core::BoundCall> bind(const accel::core::Bound &inputs,
                                                     const accel::core::Bound &outputs) const override {
    for (const auto &[name, buffer] : outputs) {
      watched_->most_entries = std::max(watched_->most_entries, buffer.shape()[0]);
    }
    return session_->bind(inputs, outputs);
  }

 private:
  std::shared_ptr<const accel::core::Session> session_;
  std::shared_ptr<Watched> watched_;
  std::multiset<std::string>::iterator path_;
};

class WatchedBackend final : public accel::core::Backend {
 public:
  explicit WatchedBackend(std::shared_ptr<const accel::core::Backend> backend) : backend_(std::move(backend)) {}

  std::shared_ptr<const accel::core::Session> load(const std::string &path,
                                                   const accel::core::Sizes &sizes) const override {
    return std::make_shared<const WatchedSession>(backend_->load(path, sizes), path, watched_);
  }
  bool fixes_sizes() const override { return backend_->fixes_sizes(); }
  std::string name() const override { return backend_->name(); }
  std::string describe() const override { return backend_->describe(); }

  const Watched &watched() const { return *watched_; }

 private:
  std::shared_ptr<const accel::core::Backend> backend_;
  std::shared_ptr<Watched> watched_ = std::make_shared<Watched>();
};

}  // namespace test
