// From pictures to what a loop starts from, keeps or is steered by, with the draws of diffusers.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "denoising/components.hpp"
#include "denoising/noise.hpp"
#include "request.hpp"

namespace accel::core {

// Pictures to encode, and the pixels that are mid grey instead. One picture or one mask serves all of the others.
struct ToEncode {
  const Pictures *images = nullptr;
  const Pictures *hidden = nullptr;  // white where a pixel is grey; null hides none

  std::size_t count() const;
};

// A state for each of the first `draws` generators, [draws, C, h, w]; where the encoder gives no distribution, for each
// picture. There are as many pictures as draws, or one, of which each generator draws a state.
Array encode_images(Components &components, const ToEncode &given, std::vector<TorchGenerator> &generators,
                    std::size_t draws);

// Makes the draws of `encode_images` for states of a shape, [C, h, w], that nobody needs.
void skip_encoding(const Components &components, std::vector<TorchGenerator> &generators, const Shape &shape,
                   std::size_t draws);

// What each ControlNet's graph makes of its image, by graph: [B or 1, C, h, w].
std::map<std::string, Array> embed_controls(Components &components, const Request &request);

}  // namespace accel::core
