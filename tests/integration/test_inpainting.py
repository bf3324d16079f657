"""A part of a picture is drawn anew as diffusers' inpainting pipelines draw it, whatever channels the UNet has."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import diffusers
import numpy as np
import pytest
from PIL import Image
from tests.bundles import kept_source, small_bundle
from tests.exporter.families import SCHEDULERS_OF
from tests.exporter.pipelines import load_in_diffusers
from tests.integration.both import Both, both, drawn, expected, seeds

from accel_exporter.check import relative_error
from accel_runtime import Request, open_bundle

CLOSE = 1e-5
PICTURE = np.random.default_rng(2).integers(0, 256, (16, 24, 3), dtype=np.uint8)
MASK = np.random.default_rng(3).integers(0, 256, (16, 24), dtype=np.uint8)
CAT = Request(("a cat",), seed=3, image=PICTURE, mask=MASK)
PROMPTS, NEGATIVES = ("a cat", "a dog"), ("a bird", "fog")


@cache
def pair(model: str) -> Both:
    """A bundle, and diffusers' inpainting pipeline of the same parts."""
    if model == "small":
        parts = load_in_diffusers(kept_source()).components
        pipe: Any = diffusers.StableDiffusionInpaintPipeline(**parts, requires_safety_checker=False)
        opened = open_bundle(small_bundle())
    else:
        kind: Any = {"inpaint": "StableDiffusionInpaintPipeline"}.get(model, "StableDiffusionXLInpaintPipeline")
        flag = {"requires_safety_checker": False} if model == "inpaint" else {"force_zeros_for_empty_prompt": True}
        pipe = getattr(diffusers, kind)(**both(model).theirs.components, **flag)
        opened = both(model).ours
    pipe.set_progress_bar_config(disable=True)
    return Both(opened, pipe)


def difference(model: str, scheduler: str, request: Request, *, guidance: float, **options: Any) -> float:
    """How far our latents are from diffusers'."""
    both_ = pair(model)
    theirs: dict[str, Any] = {
        "prompt": list(request.prompts),
        "negative_prompt": list(request.negatives) if any(request.negatives) else None,
        "image": picture(request.image),
        "mask_image": picture(request.mask),
        "height": 16,
        "width": 24,
        "strength": options.get("strength", 1.0),
        "num_images_per_prompt": request.images_per_prompt,
    }
    wanted = expected(both_.theirs, scheduler, generator=seeds(request.images), guidance_scale=guidance, **theirs)
    return relative_error(drawn(both_.ours, scheduler, request, guidance=guidance, **options), wanted)


def picture(values: Any) -> Any:
    return (
        Image.fromarray(values) if values.ndim in (2, 3) and values.shape[0] == 16 else [*map(Image.fromarray, values)]
    )


def runs() -> Iterator[tuple[str, str]]:
    yield from (("inpaint", scheduler) for scheduler in SCHEDULERS_OF["inpaint"])
    yield from (("sdxl-inpaint", scheduler) for scheduler in SCHEDULERS_OF["sdxl-inpaint"])
    yield from (("small", scheduler) for scheduler in ("ddim", "euler_a", "dpmpp_2m", "unipc", "pndm", "lcm"))
    yield from (("sdxl", scheduler) for scheduler in ("euler", "ddim"))


# Of a scheduler with a memory a bundle has tables from noise alone.
FROM_PICTURES = ("ddim", "euler", "euler_a", "lcm")


@pytest.mark.parametrize(
    ("model", "scheduler", "strength"),
    [(*run, 1.0) for run in runs()] + [(*run, 0.6) for run in runs() if run[1] in FROM_PICTURES],
)
def test_a_guided_batch_with_negative_prompts_ends_at_diffusers_latents(
    model: str, scheduler: str, strength: float
) -> None:
    request = replace(CAT, prompts=PROMPTS, negatives=NEGATIVES)

    assert difference(model, scheduler, request, guidance=5.0, strength=strength) <= CLOSE
