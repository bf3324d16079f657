// Drawing a part of a picture anew: the mask as the loop needs it, and what keeps the rest of the picture. A model that
// takes the mask fills it in by itself. Any other one draws the whole picture, and after each call the part that stays
// is put back, under the noise that the next call expects (docs/design/0024-masks-and-control.md).
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "base/array.hpp"
#include "request.hpp"
#include "schedules/schedule.hpp"

namespace accel::core {

// Puts back what of a picture stays.
class Blend {
 public:
  // `mask` is [B or 1, 1, h, w], `image` the picture's state, [B or 1, C, h, w], and `noise` what the loop started
  // from, [B, C, h, w]. Raises an `InputError` where the scheduler cannot add the noise of some call to a picture.
  Blend(const ScheduleTable &schedule, Array mask, Array image, Array noise);

  // The latents after a call, with what stays put back.
  Array after(std::size_t call, const Array &latents) const;

 private:
  Array mask_;
  Array image_;
  Array noise_;
  std::vector<std::pair<double, double>> weights_;  // of image and noise, after each call
};

// A request's mask as loop and model take it.
struct Inpainting {
  Array mask;                         // 1 where the picture is drawn anew; [B or 1, 1, h, w]
  std::optional<Array> masked_image;  // the state of the picture with mid grey for what is drawn; [B or 1, C, h, w]
  std::optional<Blend> blend;         // none where the model keeps the rest of the picture itself
};

// The mask of cells, [B or 1, 1, h, w], of that of pixels: each cell's first pixel decides, as in diffusers.
Array latent_mask(const Pictures &mask, const OutputShape &shape, std::int64_t scale);

}  // namespace accel::core
