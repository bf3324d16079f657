"""A request in the words of diffusers' pipelines."""

from typing import Any

from numpy.typing import NDArray
from PIL import Image
from tests.integration.both import seeds

from accel_runtime import Request


def in_their_words(request: Request) -> dict[str, Any]:
    """What a pipeline of diffusers is called with for ``request``, guidance, steps and strength apart."""
    size = {"height": request.height, "width": request.width} if request.height else {}
    negatives = {"negative_prompt": list(request.negatives)} if any(request.negatives) else {}
    return {
        "prompt": list(request.prompts),
        "num_images_per_prompt": request.images_per_prompt,
        "generator": seeds(request.images, request.seed),
        **negatives,
        **size,
        **_pictures(request),
        **_controls(request),
    }


def _pictures(request: Request) -> dict[str, Any]:
    """A picture to start from; an inpainting pipeline also wants its size."""
    if request.image is None:
        return {}
    if request.mask is None:
        return {"image": _pillow(request.image, 3)}
    height, width = request.image.shape[-3:-1]
    return {
        "image": _pillow(request.image, 3),
        "mask_image": _pillow(request.mask, 2),
        "height": height,
        "width": width,
    }


def _controls(request: Request) -> dict[str, Any]:
    """Control images, which a pipeline that starts from noise calls its images."""
    if not request.controls:
        return {}
    only = len(request.controls) == 1
    values: dict[str, list[Any]] = {
        "image" if request.image is None else "control_image": [Image.fromarray(c.image) for c in request.controls],
        "controlnet_conditioning_scale": [each.scale for each in request.controls],
        "control_guidance_start": [each.start for each in request.controls],
        "control_guidance_end": [each.end for each in request.controls],
    }
    return {name: value[0] if only else value for name, value in values.items()}


def _pillow(values: NDArray[Any], axes: int) -> Any:
    """Pillow's picture of an array, or a list of them."""
    return Image.fromarray(values) if values.ndim == axes else [Image.fromarray(each) for each in values]
