"""Pictures of any multiple of 8 pixels: latents that halve to odd sizes, drawn and reused as in diffusers."""

from dataclasses import replace
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image
from tests.bundles import family_bundle
from tests.exporter.families import SCHEDULERS_OF
from tests.integration.both import both, difference, drawn, expected, seeds
from tests.integration.by_hand import denoise_by_hand
from tests.integration.given import given_text
from tests.own_memory import OwnMemory

from accel_exporter.check import relative_error
from accel_exporter.unet import inference
from accel_runtime import Request, open_bundle
from accel_runtime.errors import InputError

FAMILY = "eighths"
CLOSE = 1e-5
SIZES = ((72, 88), (104, 64), (40, 24))
CAT = Request(("a cat", "a dog"), negatives=("fog",), seed=3)


@pytest.mark.parametrize("scheduler", SCHEDULERS_OF[FAMILY])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_guided_batch_ends_at_diffusers_latents(scheduler: str, height: int, width: int) -> None:
    request = replace(CAT, height=height, width=width)
    asked: dict[str, Any] = {"prompt": ["a cat", "a dog"], "negative_prompt": ["fog"] * 2}

    assert difference(FAMILY, scheduler, request, guidance=5.0, **asked, height=height, width=width) <= CLOSE


def test_a_picture_of_such_a_size_starts_as_in_diffusers() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (72, 104, 3), dtype=np.uint8)
    pipe: Any = diffusers.StableDiffusionXLImg2ImgPipeline(**both(FAMILY).theirs.components)
    pipe.set_progress_bar_config(disable=True)
    theirs: dict[str, Any] = {"image": Image.fromarray(picture), "strength": 0.6, "generator": seeds(1)}
    wanted = expected(pipe, "ddim", prompt="a cat", guidance_scale=5.0, **theirs)

    request = Request(("a cat",), seed=3, image=picture)

    assert relative_error(drawn(both(FAMILY).ours, "ddim", request, guidance=5.0, strength=0.6), wanted) <= CLOSE


@pytest.mark.parametrize("branch", [0, 1, 2])
def test_every_3_equals_diffusers_modules_driven_by_hand(branch: int) -> None:
    latents = np.random.default_rng(5).standard_normal((1, 4, 9, 11)).astype(np.float32)
    pipe = both(FAMILY).theirs
    with inference(pipe.unet):
        wanted = denoise_by_hand(
            pipe.unet,
            diffusers.DDIMScheduler.from_config(pipe.scheduler.config),
            given_text(pipe, size=(72, 88)),
            latents=torch.from_numpy(latents),
            steps=6,
            guidance=5.0,
            every=3,
            branch=branch,
        )

    request = Request(("a cat",), latents=latents, height=72, width=88)
    plan: dict[str, Any] = {"steps": 6, "deep": "every:3", "branch": branch}

    assert relative_error(drawn(both(FAMILY).ours, "ddim", request, guidance=5.0, **plan), wanted) <= CLOSE


def test_the_loop_on_a_device_draws_them_too() -> None:
    on_device = open_bundle(family_bundle(FAMILY), OwnMemory())
    request, plan = replace(CAT, height=72, width=88), {"deep": "every:2", "branch": 2, "forecast": "linear"}

    found, wanted = (drawn(each, "euler", request, guidance=5.0, **plan) for each in (on_device, both(FAMILY).ours))

    assert relative_error(found, wanted) <= CLOSE


@pytest.mark.parametrize(("height", "width"), [(68, 64), (64, 12), (0, 64)])
def test_other_sizes_are_refused_in_one_line(height: int, width: int) -> None:
    with pytest.raises(InputError, match=r"(multiple of 8 pixels|expected 1 to)"):
        drawn(both(FAMILY).ours, "ddim", replace(CAT, height=height, width=width), guidance=5.0)
