"""x_0: where the denoising loop starts, from noise or from an image."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from accel_runtime.backends.base import Array
from accel_runtime.denoising.components import Components
from accel_runtime.denoising.noise import TorchGenerator, stacked_normal
from accel_runtime.errors import InputError
from accel_runtime.manifest import State
from accel_runtime.request import Request
from accel_runtime.schedules.schedule import ScheduleTable


@np.errstate(over="ignore", invalid="ignore")  # the loop tells what is no number
def start(
    components: Components, request: Request, *, schedule: ScheduleTable, generators: Sequence[TorchGenerator]
) -> Array:
    """x_0, [B, C, h, w], drawn as the pipelines of diffusers 0.42.1 draw it.

    Args:
        components: Encode the image, where there is one.
        request: Says from what.
        schedule: Scales the noise, or weighs image and noise.
        generators: One per image.

    Raises:
        InputError: Request and schedule do not fit each other, or something has the wrong shape.
    """
    state = components.bundle.manifest.state
    if request.image is None:
        if schedule.begin:
            raise InputError(f"a schedule that starts at call {schedule.begin} needs an image to start from")
        return _noise(request, state, generators) * np.float32(schedule.init_noise_sigma)
    if request.latents is not None:
        raise InputError("image and latents: give only one of them to start from")
    add_noise = schedule.rows[0].add_noise
    if add_noise is None:
        raise InputError(f"{schedule.scheduler} cannot start from an image: choose another scheduler")
    image = _encode(components, _distinct(request.image, request, state), generators)
    weight_of_image, weight_of_noise = (np.float32(weight) for weight in add_noise)
    started: Array = weight_of_image * image + weight_of_noise * _noise(request, state, generators)
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


def _encode(components: Components, images: NDArray[np.uint8], generators: Sequence[TorchGenerator]) -> Array:
    """The state of images [B or 1, H, W, 3]: [B, C, h, w], or [1, C, h, w] where it is the same for all."""
    codec = components.bundle.manifest.encoder
    if codec is None:
        raise InputError("image: the bundle has no encoder: start from noise")
    encoded = np.stack([components.encode(each) for each in images])
    sample = _posterior_sample(encoded, generators) if codec.gives == "moments" else encoded
    shifted = sample - np.float32(codec.shift) if codec.shift else sample
    scaled: Array = shifted * np.float32(codec.scale)
    return scaled


def _posterior_sample(moments: Array, generators: Sequence[TorchGenerator]) -> Array:
    """A draw for each generator, [B, C, h, w], from the posterior that the moments [B or 1, 2C, h, w] describe.

    As `DiagonalGaussianDistribution.sample` of diffusers 0.42.1.
    """
    mean, log_variance = np.split(moments, 2, axis=1)
    std = np.exp(np.float32(0.5) * np.clip(log_variance, -30, 20))
    drawn: Array = mean + std * stacked_normal(generators, mean.shape[1:])
    return drawn
