// What is behind the handles of accel.h, and how exceptions become statuses.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "accel/accel.h"
#include "base/error.hpp"
#include "denoising/noise.hpp"
#include "pipeline.hpp"

struct accel_bundle {
  std::shared_ptr<const accel::core::Contents> contents;
};

struct accel_backend {
  std::shared_ptr<const accel::core::Backend> backend;
  std::string description;
};

struct accel_pipeline {
  accel::core::Pipeline pipeline;
};

struct accel_plan {
  accel::core::PlanSpec spec;
};

struct accel_request {
  accel::core::Request request;
  accel_on_progress on_progress = nullptr;
  void *user = nullptr;
  std::atomic<bool> is_cancelled = false;
};

struct accel_noise {
  accel::core::TorchGenerator generator;
};

namespace accel::core::abi {

// Writes one line, without what a terminal would act on, and no more than fits.
void tell(accel_error *error, const char *text) noexcept;

// The thing behind a pointer that must be there. Raises an `InputError`.
template <typename Thing>
Thing &required(Thing *thing, const char *name) {
  if (thing == nullptr) throw InputError(join(name, ": expected a value, got NULL"));
  return *thing;
}

inline std::string required_text(const char *text, const char *name) { return &required(text, name); }

// The caller's struct as this library knows it: what an older caller does not have is zero.
template <typename Options>
Options known_part(const Options *given) {
  Options known = {};
  known.size = sizeof(Options);
  if (given == nullptr) return known;
  if (given->size < sizeof(std::size_t)) throw InputError("options: expected their size in `size`, got 0");
  std::memcpy(static_cast<void *>(&known), given, std::min(given->size, sizeof(Options)));
  return known;
}

// Runs what may raise, and gives its status: nothing is thrown across the C ABI.
template <typename Body>
accel_status guarded(accel_error *error, Body body) noexcept {
  try {
    body();
    tell(error, "");
    return ACCEL_OK;
  } catch (const Error &failure) {
    tell(error, failure.what());
    return static_cast<accel_status>(failure.status());
  } catch (const std::bad_alloc &) {
    tell(error, "out of memory");
    return ACCEL_OUT_OF_MEMORY;
  } catch (const std::length_error &) {
    tell(error, "out of memory: more was asked for than any machine has");
    return ACCEL_OUT_OF_MEMORY;
  } catch (const std::exception &failure) {
    tell(error, failure.what());
    return ACCEL_INTERNAL_ERROR;
  } catch (...) {
    tell(error, "unknown failure");
    return ACCEL_INTERNAL_ERROR;
  }
}

}  // namespace accel::core::abi
