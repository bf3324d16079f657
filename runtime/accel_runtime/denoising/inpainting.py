"""Drawing a part of a picture anew: the mask as the loop needs it, and what keeps the rest of the picture.

A model that takes the mask fills it in by itself. Any other one draws the whole picture, and after each call the part
that stays is put back, under the noise that the next call expects (`StableDiffusionInpaintPipeline` of diffusers
0.42.1). Schedules are linear in each element by itself, so what is put back never reaches the part that is drawn but
through the UNet, and a schedule's memory needs no correction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from accel_runtime.backends.base import Array
from accel_runtime.errors import InputError
from accel_runtime.manifest import State
from accel_runtime.request import WHITE, Request
from accel_runtime.schedules.schedule import ScheduleTable

NO_MASK: Final = "mask: the model fills in a masked picture: expected an image and a mask, got none"


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """Puts back what of a picture stays.

    Attributes:
        mask: 1 where the picture is drawn anew. Shape: [B or 1, 1, h, w].
        image: The picture's state. Shape: [B or 1, C, h, w].
        noise: The noise that the loop started from, of unit variance. Shape: [B, C, h, w].
        weights: For each call, the weights of image and noise after it.
    """

    mask: Array
    image: Array
    noise: Array
    weights: Sequence[tuple[float, float]]

    @classmethod
    def of(cls, schedule: ScheduleTable, *, mask: Array, image: Array, noise: Array) -> Self:
        """The blend for a schedule: the next call's noise is put over the picture, and none after the last call.

        Raises:
            InputError: The scheduler cannot add the noise of some call to a picture.
        """
        later = [row.add_noise for row in schedule.rows[1:]]
        weights = [each for each in later if each is not None]
        if len(weights) < len(later):
            raise InputError(
                f"mask: {schedule.scheduler} cannot put a picture under the noise of each call: "
                "choose another scheduler, such as ddim or euler"
            )
        return cls(mask, image, noise, (*weights, (1.0, 0.0)))

    def after(self, call: int, latents: Array) -> Array:
        """The latents after a call, with what stays put back."""
        of_image, of_noise = (np.float32(weight) for weight in self.weights[call])
        kept = of_image * self.image + of_noise * self.noise
        blended: Array = (1 - self.mask) * kept + self.mask * latents
        return blended


@dataclass(frozen=True, slots=True, eq=False)
class Inpainting:
    """A request's mask as loop and model take it.

    Attributes:
        mask: 1 where the picture is drawn anew, 0 where it stays. Shape: [B or 1, 1, h, w].
        masked_image: The state of the picture with mid grey for what is drawn, for models that take it; else None.
            Shape: [B or 1, C, h, w].
        blend: Keeps the rest of the picture; None where the model does that itself.
    """

    mask: Array
    masked_image: Array | None = None
    blend: Blend | None = None


def drawn_pixels(request: Request, state: State) -> NDArray[np.bool_]:
    """Where the mask of a request is drawn anew. Shape: [B or 1, H, W].

    Raises:
        InputError: The mask has another size than the image.
    """
    mask, size = request.mask, request.size(state)
    if mask is None:
        raise InputError(NO_MASK)
    if mask.dtype != np.uint8 or mask.shape not in (size, (request.images, *size)):
        got = f"{mask.dtype} {list(mask.shape)}"
        raise InputError(f"mask: expected uint8 {list(size)}, as the image has, or {request.images} of them, got {got}")
    drawn: NDArray[np.bool_] = mask >= WHITE
    return drawn if drawn.ndim == 3 else drawn[np.newaxis]


def latent_mask(drawn: NDArray[np.bool_], state: State) -> Array:
    """The mask of cells, [B or 1, 1, h, w], of that of pixels: each cell's first pixel decides, as in diffusers."""
    return drawn[:, np.newaxis, :: state.scale, :: state.scale].astype(np.float32)
