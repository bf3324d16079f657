// What the graphs of a bundle must take and give for the loop to run them, held against the manifest alone.
#pragma once

#include "manifest/manifest.hpp"

namespace accel::core {

// Raises `Malformed` where a graph lacks a tensor, has one too many, or of another type or rank; names graph and
// tensor.
void check_contract(const Manifest &manifest);

}  // namespace accel::core
