// What steers a picture beside its prompt, from files: where it starts, what of it is drawn anew, control images.
#pragma once

#include "accel/accel.hpp"
#include "arguments.hpp"

namespace tool {

// Sets the image to start from and its mask. Raises a `std::invalid_argument` where a mask or a strength has no image,
// a `std::runtime_error` where a file cannot be read or a mask has no white.
void set_start(accel::Request &request, const Arguments &arguments);

// Adds a control image for each file. Raises a `std::invalid_argument` where there are neither no numbers, nor one, nor
// one for each file.
void add_controls(accel::Request &request, const Arguments &arguments);

}  // namespace tool
