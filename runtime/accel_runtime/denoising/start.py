"""x_0: where the denoising loop starts, from noise or from an image, whole or masked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_runtime.backends.base import Array
from accel_runtime.denoising.components import Components
from accel_runtime.denoising.encoding import encode_images, skip_encoding
from accel_runtime.denoising.inpainting import NO_MASK, Blend, Inpainting, drawn_pixels, latent_mask
from accel_runtime.denoising.noise import TorchGenerator, stacked_normal
from accel_runtime.errors import InputError
from accel_runtime.manifest import State
from accel_runtime.request import Request
from accel_runtime.schedules.schedule import ScheduleTable


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Where a loop starts.

    Attributes:
        latents: x_0. Shape: [B, C, h, w].
        inpainting: What became of the mask; None without one.
    """

    latents: Array
    inpainting: Inpainting | None = None


@np.errstate(over="ignore", invalid="ignore")  # the loop tells what is no number
def start(
    components: Components, request: Request, *, schedule: ScheduleTable, generators: Sequence[TorchGenerator]
) -> Start:
    """Where a loop starts, drawn as the pipelines of diffusers 0.42.1 draw it.

    Args:
        components: Encode the image, where there is one.
        request: Says from what.
        schedule: Scales the noise, or weighs image and noise.
        generators: One per image.

    Raises:
        InputError: Request and schedule do not fit each other, or something has the wrong shape.
    """
    state = components.bundle.manifest.state
    if request.mask is not None:
        return _masked(components, request, schedule=schedule, generators=generators)
    if components.bundle.manifest.takes_mask:
        raise InputError(NO_MASK)
    if request.image is None:
        if schedule.begin:
            raise InputError(f"a schedule that starts at call {schedule.begin} needs an image to start from")
        return Start(_noise(request, state, generators) * np.float32(schedule.init_noise_sigma))
    _check_noisable(request, schedule)
    image = encode_images(components, _distinct(request.image, request, state), generators)
    return Start(_noised(image, _noise(request, state, generators), schedule))


def _masked(
    components: Components, request: Request, *, schedule: ScheduleTable, generators: Sequence[TorchGenerator]
) -> Start:
    """Noise, or with a strength below 1 the image under noise; and what fills in the mask.

    diffusers draws in this order: the image's state where it is needed, the noise, the masked image's state, which it
    makes in any case. One image for all has one state, drawn by the first generator.
    """
    manifest = components.bundle.manifest
    if request.image is None:
        raise InputError("mask: expected an image beside it, of which a part is to be drawn anew, got none")
    images, drawn = _distinct(request.image, request, manifest.state), drawn_pixels(request, manifest.state)
    mask, masked = latent_mask(drawn, manifest.state), generators[: max(len(images), len(drawn))]
    if schedule.begin:
        _check_noisable(request, schedule)
    if manifest.takes_mask and not schedule.begin:
        noise = _noise(request, manifest.state, generators)
        inpainting = Inpainting(mask, _masked_image(components, images, drawn, generators=masked))
        return Start(noise * np.float32(schedule.init_noise_sigma), inpainting)
    image = encode_images(components, images, generators[: len(images)])
    noise = _noise(request, manifest.state, generators)
    latents = _noised(image, noise, schedule) if schedule.begin else noise * np.float32(schedule.init_noise_sigma)
    if manifest.takes_mask:
        return Start(latents, Inpainting(mask, _masked_image(components, images, drawn, generators=masked)))
    skip_encoding(components, masked, shape=noise.shape[1:])
    return Start(latents, Inpainting(mask, blend=Blend.of(schedule, mask=mask, image=image, noise=noise)))


def _masked_image(
    components: Components,
    images: NDArray[np.uint8],
    drawn: NDArray[np.bool_],
    *,
    generators: Sequence[TorchGenerator],
) -> Array:
    """The state of each image with mid grey where it is drawn anew; one image or one mask serves all of the others."""
    pairs = len(generators)
    hidden = np.broadcast_to(drawn, (pairs, *drawn.shape[1:]))
    repeated = np.broadcast_to(images, (pairs, *images.shape[1:]))
    return encode_images(components, repeated, generators, hidden=hidden)


def _check_noisable(request: Request, schedule: ScheduleTable) -> None:
    if request.latents is not None:
        raise InputError("image and latents: give only one of them to start from")
    if schedule.rows[0].add_noise is None:
        raise InputError(f"{schedule.scheduler} cannot start from an image: choose another scheduler")


def _noised(image: Array, noise: Array, schedule: ScheduleTable) -> Array:
    """The image under the noise of the schedule's first call, which `_check_noisable` let through."""
    of_image, of_noise = (np.float32(weight) for weight in schedule.rows[0].add_noise or ())
    started: Array = of_image * image + of_noise * noise
    return started


def _noise(request: Request, state: State, generators: Sequence[TorchGenerator]) -> Array:
    """Unit-variance noise [B, C, h, w]: the one that was given, or each generator's next draw."""
    shape = request.latent_shape(state)
    if request.latents is None:
        return stacked_normal(generators, shape)
    if request.latents.shape != (request.images, *shape):
        raise InputError(f"latents: expected shape {[request.images, *shape]}, got {list(request.latents.shape)}")
    return request.latents.astype(np.float32)


def _distinct(image: NDArray[np.uint8], request: Request, state: State) -> NDArray[np.uint8]:
    """The images to encode, [B or 1, H, W, 3]."""
    one = (*request.size(state), 3)
    if image.dtype != np.uint8 or image.shape not in (one, (request.images, *one)):
        got = f"{image.dtype} {list(image.shape)}"
        raise InputError(f"image: expected uint8 {list(one)}, or {request.images} of them, got {got}")
    return image if image.ndim == 4 else image[np.newaxis]
