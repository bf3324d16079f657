// Which form of a bundle's graphs a backend runs: as accel_runtime/bundle/forms.py chooses it.
#pragma once

#include <string>

#include "bundle/bundle.hpp"

namespace accel::core {

// The form to run: the one that is asked for, or where that is empty the one that the backend prefers of those that the
// bundle has. Raises an `InputError` where there is no such form, or the backend cannot run it, or not compute in the
// bundle's precision, and a `BackendError` where the bundle lacks it.
std::string choose_form(const Bundle &bundle, const std::string &backend, const std::string &asked);

}  // namespace accel::core
