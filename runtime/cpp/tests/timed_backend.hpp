// A backend that counts the processor time inside its graphs, so that a test can tell what lies between them.
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <utility>

#include "backends/backend.hpp"

namespace test {

// Processor time of all threads of the process.
inline double processor_seconds() {
  timespec now = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Shared by all sessions and calls of a backend; one thread may draw with it.
using Inside = std::shared_ptr<double>;

class TimedCall final : public accel::core::BoundCall {
 public:
  TimedCall(std::unique_ptr<const accel::core::BoundCall> call, Inside inside)
      : call_(std::move(call)), inside_(std::move(inside)) {}

  void run() const override {
    const double start = processor_seconds();
    call_->run();
    *inside_ += processor_seconds() - start;
  }

 private:
  std::unique_ptr<const accel::core::BoundCall> call_;
  Inside inside_;
};

class TimedSession final : public accel::core::Session {
 public:
  TimedSession(std::shared_ptr<const accel::core::Session> session, Inside inside)
      : session_(std::move(session)), inside_(std::move(inside)) {}

  std::unique_ptr<const accel::core::BoundCall> bind(const accel::core::Bound &inputs,
                                                     const accel::core::Bound &outputs) const override {
    return std::make_unique<const TimedCall>(session_->bind(inputs, outputs), inside_);
  }

 private:
  std::shared_ptr<const accel::core::Session> session_;
  Inside inside_;
};

class TimedBackend final : public accel::core::Backend {
 public:
  explicit TimedBackend(std::shared_ptr<const accel::core::Backend> backend) : backend_(std::move(backend)) {}

  std::shared_ptr<const accel::core::Session> load(const std::string &path,
                                                   const accel::core::Sizes &sizes) const override {
    return std::make_shared<const TimedSession>(backend_->load(path, sizes), inside_);
  }
  bool fixes_sizes() const override { return backend_->fixes_sizes(); }
  std::string name() const override { return backend_->name(); }
  std::string describe() const override { return backend_->describe(); }

  // Seconds of the processor inside graphs, so far.
  double inside() const { return *inside_; }

 private:
  std::shared_ptr<const accel::core::Backend> backend_;
  Inside inside_ = std::make_shared<double>(0);
};

}  // namespace test
