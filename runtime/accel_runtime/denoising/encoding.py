"""From pictures to what a loop starts from, keeps or is steered by, with the draws of diffusers."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from accel_runtime.backends.base import Array
from accel_runtime.denoising.components import Components
from accel_runtime.denoising.noise import TorchGenerator, stacked_normal
from accel_runtime.errors import InputError
from accel_runtime.manifest import Manifest
from accel_runtime.request import Request


def encode_images(
    components: Components,
    images: NDArray[np.uint8],
    generators: Sequence[TorchGenerator],
    *,
    hidden: NDArray[np.bool_] | None = None,
) -> Array:
    """The state of images.

    Args:
        components: Run the encoder.
        images: Shape: [N, H, W, 3].
        generators: N, or more where there is one image: each draws a state of it.
        hidden: Where the images are mid grey instead. Shape: [N, H, W].

    Returns:
        A state for each generator, [G, C, h, w]; where the encoder gives no distribution, for each image.

    Raises:
        InputError: The bundle has no encoder.
    """
    codec = components.bundle.manifest.encoder
    if codec is None:
        raise InputError("image: the bundle has no encoder: start from noise")
    hides = [None] * len(images) if hidden is None else hidden
    encoded = np.stack([components.encode(each, hidden=hides[at]) for at, each in enumerate(images)])
    sample = _posterior_sample(encoded, generators) if codec.gives == "moments" else encoded
    shifted = sample - np.float32(codec.shift) if codec.shift else sample
    scaled: Array = shifted * np.float32(codec.scale)
    return scaled


def skip_encoding(components: Components, generators: Sequence[TorchGenerator], *, shape: Sequence[int]) -> None:
    """Make the draws of `encode_images` for states of ``shape``, [C, h, w], that nobody needs."""
    codec = components.bundle.manifest.encoder
    if codec is not None and codec.gives == "moments":
        stacked_normal(generators, shape)


def embed_controls(components: Components, request: Request) -> Mapping[str, Array]:
    """What each ControlNet's graph makes of its image, by graph: [B or 1, C, h, w]; empty for models without one.

    Raises:
        InputError: There are more or fewer images than ControlNets, or an image has another size than the picture.
    """
    manifest = components.bundle.manifest
    _check_controls(request, manifest)
    size = (*request.size(manifest.state), 3)
    for number, control in enumerate(request.controls):
        image = control.image
        if image.dtype != np.uint8 or image.shape not in (size, (request.images, *size)):
            got = f"{image.dtype} {list(image.shape)}"
            raise InputError(
                f"control image {number}: expected uint8 {list(size)}, or {request.images} of them, got {got}"
            )
    images = (control.image.reshape(-1, *size) for control in request.controls)
    pairs = zip(manifest.controls, images, strict=True)
    return {graph: np.stack([components.embed_control(graph, each) for each in many]) for graph, many in pairs}


def _posterior_sample(moments: Array, generators: Sequence[TorchGenerator]) -> Array:
    """A draw for each generator, [G, C, h, w], from the posterior that the moments [G or 1, 2C, h, w] describe.

    As `DiagonalGaussianDistribution.sample` of diffusers 0.42.1.
    """
    mean, log_variance = np.split(moments, 2, axis=1)
    std = np.exp(np.float32(0.5) * np.clip(log_variance, -30, 20))
    drawn: Array = mean + std * stacked_normal(generators, mean.shape[1:])
    return drawn


def _check_controls(request: Request, manifest: Manifest) -> None:
    wanted, given = len(manifest.controls), len(request.controls)
    if given and not wanted:
        raise InputError("control: the model has no ControlNet: leave the control image out, or export it with one")
    if given != wanted:
        plural = "" if wanted == 1 else "s"
        raise InputError(f"control: expected {wanted} image{plural}, one for each ControlNet of the model, got {given}")
