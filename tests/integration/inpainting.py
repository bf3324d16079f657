"""A small picture with a mask, and what accel and diffusers make of it."""

from functools import cache
from typing import Any

import diffusers
import numpy as np
import torch
from PIL import Image
from tests.bundles import kept_source, small_bundle
from tests.exporter.pipelines import load_in_diffusers
from tests.integration.both import Both, both, drawn, expected, seeds

from accel_exporter.check import relative_error
from accel_runtime import Request, open_bundle

HEIGHT, WIDTH = 16, 24
PICTURE = np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
MASK = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
CAT = Request(("a cat",), seed=3, image=PICTURE, mask=MASK)
SMALL = "small"


@cache
def pair(model: str) -> Both:
    """A bundle, and diffusers' inpainting pipeline of the same parts."""
    if model == SMALL:
        ours, parts = open_bundle(small_bundle()), load_in_diffusers(kept_source()).components
    else:
        ours, parts = both(model).ours, both(model).theirs.components
    kinds: Any = diffusers
    theirs = (
        kinds.StableDiffusionXLInpaintPipeline(**parts, force_zeros_for_empty_prompt=True)
        if "text_encoder_2" in parts
        else kinds.StableDiffusionInpaintPipeline(**parts, requires_safety_checker=False)
    )
    theirs.set_progress_bar_config(disable=True)
    return Both(ours, theirs)


def difference(model: str, scheduler: str, request: Request, *, guidance: float, strength: float = 1.0) -> float:
    """How far our latents are from diffusers'."""
    wanted = expected(
        pair(model).theirs,
        scheduler,
        prompt=list(request.prompts),
        negative_prompt=list(request.negatives) if any(request.negatives) else None,
        image=pictures(request.image),
        mask_image=pictures(request.mask),
        height=HEIGHT,
        width=WIDTH,
        strength=strength,
        guidance_scale=guidance,
        generator=seeds(request.images),
        latents=None if request.latents is None else torch.from_numpy(request.latents),
    )
    return relative_error(drawn(pair(model).ours, scheduler, request, guidance=guidance, strength=strength), wanted)


def pictures(values: Any) -> Any:
    """Pillow's picture of an array, or a list of them."""
    return Image.fromarray(values) if len(values) == HEIGHT else [Image.fromarray(each) for each in values]
