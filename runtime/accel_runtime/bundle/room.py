"""Whether what is asked for can be held at all: asked before anything is allocated.

What a graph needs in between nobody knows beforehand. What it is given and what it makes is known, and where that alone
is more than the machine has, there is no use in trying: Linux promises the memory, and ends the process that takes it.
"""

import math
import os
from collections.abc import Sequence

from accel_runtime.backends.base import as_dtype
from accel_runtime.bundle.dims import TIMESTEPS, resolve
from accel_runtime.errors import InputError
from accel_runtime.manifest import Manifest, TensorSpec
from accel_runtime.request import Request


def check_request(request: Request, manifest: Manifest, *, guided: bool) -> None:
    """Hold a request's numbers against what the model takes and the machine has.

    Args:
        request: Request to draw.
        manifest: Manifest of the bundle that will draw it.
        guided: Whether a call of the UNet has two rows for each image.

    Raises:
        InputError: A size is out of range, or the images cannot be held.
    """
    _, height, width = request.latent_shape(manifest.state)
    check_room(manifest, images=request.images, rows=request.images * (2 if guided else 1), latents=(height, width))


def check_room(manifest: Manifest, *, images: int, rows: int, latents: Sequence[int]) -> None:
    """Whether images can be held, with what the denoiser takes and makes for them, and one of them in the decoder.

    Args:
        manifest: Manifest of the bundle.
        images: How many.
        rows: Rows of a call of the denoiser.
        latents: Height and width of the state.

    Raises:
        InputError: They cannot; says how much they need at the least.
    """
    there = machine_memory()
    needed = least_bytes(manifest, images=images, rows=rows, latents=latents)
    if there is not None and needed > there:
        scale = manifest.state.scale
        what = "an image" if images == 1 else f"{images} images"
        raise InputError(
            f"{what} of {latents[1] * scale}×{latents[0] * scale} pixels takes at least {needed / 1e9:.1f} GB, "
            f"this machine has {there / 1e9:.1f}: ask for fewer or smaller ones"
        )


def least_bytes(manifest: Manifest, *, images: int, rows: int, latents: Sequence[int]) -> int:
    """The bytes of the tensors that are there at once, at the least; arguments as for `check_room`."""
    height, width = latents
    scale = manifest.state.scale
    of_pixels = {"height": height * scale, "width": width * scale}
    sizes = {"latent_height": height, "latent_width": width, TIMESTEPS: 1, **of_pixels}
    deep = manifest.deep
    # Every feature is made on the way to the noise, whether the plan keeps it or not.
    largest = max(_bytes(tensor, {**sizes, "batch": rows}) for tensor in deep.outputs)
    in_denoiser = sum(_bytes(tensor, {**sizes, "batch": rows}) for tensor in deep.inputs) + largest
    pixels = images * sizes["height"] * sizes["width"] * 3
    if manifest.decoder is None:
        return max(in_denoiser, pixels)
    decoder = manifest.graphs[manifest.decoder.graph]
    in_decoder = sum(_bytes(tensor, {**sizes, "batch": 1}) for tensor in (*decoder.inputs, *decoder.outputs[:1]))
    return max(in_denoiser, in_decoder + pixels)


def machine_memory() -> int | None:
    """Bytes of the machine's memory; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _bytes(tensor: TensorSpec, sizes: dict[str, int]) -> int:
    return math.prod(resolve(tensor.shape, sizes)) * as_dtype(tensor.dtype).itemsize
