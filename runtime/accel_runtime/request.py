"""What a user asks for, and what comes of it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from accel_runtime.backends.base import Array
from accel_runtime.errors import InputError
from accel_runtime.manifest import LONGEST_SIDE, State

# In one request. More are drawn by asking again, and each costs a generator and a place in the batch from the start.
MOST_IMAGES: Final = 1000
# As many as models are trained on.
MOST_STEPS: Final = 1000
# Of a mask, as diffusers binarises: one half and more.
WHITE: Final = 128
# Scales around 1 make sense.
MOST_CONTROL: Final = 1000
# Raters gave 1 to 10.
_MOST_SCORE: Final = 1000


@dataclass(frozen=True, slots=True)
class Framing:
    """What a model of SDXL's kind is told of the picture; it was trained on crops of larger ones.

    The names are those of diffusers' pipelines; sizes are in pixels.

    Attributes:
        original_size: Height and width of the picture before it was cropped; None takes those that are drawn.
        crops_coords_top_left: Top and left of the crop.
        target_size: Height and width of the crop; None takes those that are drawn.
        aesthetic_score: How well a rater likes the picture, for SDXL's refiner; None takes diffusers' default, 6.0 of
            a prompt and 2.5 of a negative prompt.

    Raises:
        InputError: No picture has these sizes, or the score is no number.
    """

    original_size: tuple[int, int] | None = None
    crops_coords_top_left: tuple[int, int] = (0, 0)
    target_size: tuple[int, int] | None = None
    aesthetic_score: float | None = None

    def __post_init__(self) -> None:
        for numbers in (self.original_size, self.crops_coords_top_left, self.target_size):
            if numbers is not None and len(numbers) != 2:
                raise InputError(f"framing: expected two numbers, of height and width, got {len(numbers)}")
        for side in (*(self.original_size or ()), *(self.target_size or ())):
            check_side("framing", side)
        if not all(0 <= at <= LONGEST_SIDE for at in self.crops_coords_top_left):
            raise InputError(
                f"framing: expected a crop at 0 to {LONGEST_SIDE} pixels, got {self.crops_coords_top_left}"
            )
        if self.aesthetic_score is not None and not abs(self.aesthetic_score) <= _MOST_SCORE:
            raise InputError(
                f"framing: aesthetic score: expected -{_MOST_SCORE} to {_MOST_SCORE}, got {self.aesthetic_score}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Control:
    """A control image for a ControlNet; the numbers are those of diffusers' pipelines.

    Attributes:
        image: One for all [H, W, 3], or [B, H, W, 3], uint8.
        scale: How strong it is (`controlnet_conditioning_scale`).
        start: Share of the calls after which it begins (`control_guidance_start`).
        end: Share of the calls after which it ends (`control_guidance_end`).

    Raises:
        InputError: The scale is no number, or start and end are no range within 0 and 1.
    """

    image: NDArray[np.uint8]
    scale: float = 1.0
    start: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        if not abs(self.scale) <= MOST_CONTROL:
            raise InputError(f"control scale: expected -{MOST_CONTROL} to {MOST_CONTROL}, got {self.scale}")
        if not 0 <= self.start < self.end <= 1:
            raise InputError(f"control: expected a start before its end, from 0 to 1, got {self.start} and {self.end}")


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """What to draw.

    Attributes:
        prompts: One per image, or fewer with `images_per_prompt`; empty texts for models that take no prompt.
        negatives: Negative prompts: one for all, or one per prompt.
        images_per_prompt: Images for each prompt; they lie next to each other in the batch.
        seed: Image i draws its noise from `torch.Generator().manual_seed(seed + i)`.
        seeds: One per image, instead of `seed + i`.
        height: Height in pixels; None takes the bundle's own size.
        width: Width in pixels; None takes the bundle's own size.
        latents: Initial unit-variance noise [B, C, h, w] instead of the seed's.
        image: Where to start instead of from noise alone: one for all [H, W, 3], or [B, H, W, 3], uint8. How much of it
            is kept is the plan's `begin`.
        mask: Where ``image`` is drawn anew, from `WHITE` on; the rest stays: one for all [H, W], or [B, H, W], uint8.
        controls: One for each ControlNet of the model, in their order.
        framing: Sizes for models that take them; None says that the picture is whole.
        negative_framing: The same for the negative half of guided calls; None takes diffusers' default, which is
            ``framing``. SDXL's refiner has a crop at 0, 0 and a score of its own there.
        class_labels: For models that draw classes: one for all, or one per prompt.

    Raises:
        InputError: No images are asked for, or more than `MOST_IMAGES`; or a prompt is no Unicode text.
    """

    prompts: tuple[str, ...]
    negatives: tuple[str, ...] = ("",)
    images_per_prompt: int = 1
    seed: int = 0
    seeds: tuple[int, ...] | None = None
    height: int | None = None
    width: int | None = None
    latents: Array | None = None
    image: NDArray[np.uint8] | None = None
    mask: NDArray[np.uint8] | None = None
    controls: tuple[Control, ...] = ()
    framing: Framing | None = None
    negative_framing: Framing | None = None
    class_labels: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_count(self.images)
        for text in (*self.prompts, *self.negatives):
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise InputError(f"prompt {text!r}: expected Unicode text, got half of a character") from error

    @property
    def images(self) -> int:
        """How many images come out."""
        return len(self.prompts) * self.images_per_prompt

    @property
    def image_seeds(self) -> tuple[int, ...]:
        """The seed of each image.

        Raises:
            InputError: `seeds` are not as many as the images.
        """
        if self.seeds is None:
            return tuple(range(self.seed, self.seed + self.images))
        if len(self.seeds) != self.images:
            raise InputError(f"seeds: expected one per image, {self.images}, got {len(self.seeds)}")
        return self.seeds

    def size(self, state: State) -> tuple[int, int]:
        """Height and width of the images in pixels.

        Raises:
            InputError: The model cannot make images of that size.
        """
        given = [image for image in (self.image, *(each.image for each in self.controls)) if image is not None]
        own = given[0].shape[-3:-1] if given else state.sample_size
        height = own[0] if self.height is None else self.height
        width = own[1] if self.width is None else self.width
        for name, size in (("height", height), ("width", width)):
            check_side(name, size)
            if size % state.multiple:
                raise InputError(f"{name}: expected a positive multiple of {state.multiple} pixels, got {size}")
        return height, width

    def latent_shape(self, state: State) -> tuple[int, int, int]:
        """Shape of one image's latents: (C, h, w); errors as of `size`."""
        height, width = self.size(state)
        return state.channels, height // state.scale, width // state.scale


def check_side(name: str, size: int) -> None:
    """Whether a picture may be so high or wide.

    Raises:
        InputError: It may not; names the side.
    """
    if not 1 <= size <= LONGEST_SIDE:
        raise InputError(f"{name}: expected 1 to {LONGEST_SIDE} pixels, got {size}")


def check_count(images: int) -> None:
    """Refuse a number of images that cannot be drawn at once.

    Raises:
        InputError: It is none, or more than `MOST_IMAGES`.
    """
    if not 1 <= images <= MOST_IMAGES:
        raise InputError(f"images: expected 1 to {MOST_IMAGES} at a time, got {images}")


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What was drawn.

    Attributes:
        images: [B, H, W, 3] uint8.
        latents: What they were decoded from, [B, C, h, w].
        deep_calls: Numbers of the calls that ran the whole UNet; a plan with a rule decides them as it runs.
    """

    images: NDArray[np.uint8]
    latents: Array
    deep_calls: tuple[int, ...] = ()
