"""Feature reuse with a mask equals reuse by hand on diffusers' modules, and mask and masked image reach every pass."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from tests.integration.both import drawn
from tests.integration.by_hand import denoise_by_hand
from tests.integration.given import GUIDANCE, given_text
from tests.integration.inpainting import CAT, HEIGHT, MASK, PICTURE, SMALL, WIDTH, pair
from torch import Tensor

from accel_exporter.check import relative_error
from accel_exporter.unet import inference
from accel_runtime.denoising.conditioning import Conditioning
from accel_runtime.denoising.noise import TorchGenerator
from accel_runtime.denoising.start import start

STEPS, EVERY = 6, 3
LATENTS = np.random.default_rng(5).standard_normal((1, 4, HEIGHT // 2, WIDTH // 2)).astype(np.float32)
NOISED = replace(CAT, latents=LATENTS)
# 1 where the picture is drawn anew.
CELLS = torch.from_numpy((MASK[::2, ::2] >= 128).astype(np.float32))[None, None]
PIXELS = torch.from_numpy(PICTURE).permute(2, 0, 1)[None].float() / 255 * 2 - 1


def encoded(pipe: Any, pixels: Tensor, generator: torch.Generator) -> Tensor:
    """A draw of a picture's state."""
    state: Tensor = pipe.vae.encode(pixels).latent_dist.sample(generator) * pipe.vae.config.scaling_factor
    return state


@pytest.mark.parametrize("branch", [0, 1, 2])
@pytest.mark.parametrize("model", ["inpaint", SMALL, "sdxl-inpaint", "sdxl"])
def test_every_3_equals_diffusers_modules_driven_by_hand(model: str, branch: int) -> None:
    ours, pipe = pair(model).ours, pair(model).theirs
    scheduler: Any = diffusers.DDIMScheduler
    scheduler = scheduler.from_config(pipe.scheduler.config, clip_sample=False)
    generator = torch.Generator().manual_seed(CAT.seed)
    with inference(pipe.unet):
        given, options = given_text(pipe, size=(HEIGHT, WIDTH)), {}
        if model in (SMALL, "sdxl"):
            options["after"] = blend(scheduler, encoded(pipe, PIXELS, generator))
        else:
            shown = torch.from_numpy((MASK < 128).astype(np.float32))
            rest = encoded(pipe, PIXELS * shown, generator)
            given = replace(given, beside=torch.cat([CELLS, rest], dim=1).repeat(2, 1, 1, 1))
        wanted = denoise_by_hand(
            pipe.unet,
            scheduler,
            given,
            latents=torch.from_numpy(LATENTS),
            steps=STEPS,
            guidance=GUIDANCE,
            every=EVERY,
            branch=branch,
            **options,
        )
    plan: dict[str, Any] = {"steps": STEPS, "deep": f"every:{EVERY}", "branch": branch}

    assert relative_error(drawn(ours, "ddim", NOISED, guidance=GUIDANCE, **plan), wanted) <= 1e-5


def blend(scheduler: Any, image: Tensor) -> Any:
    """Puts the picture back, under the next call's noise."""

    def after(call: int, x: Tensor) -> Tensor:
        later, kept = scheduler.timesteps[call + 1 :][:1], image
        if len(later):
            kept = scheduler.add_noise(image, torch.from_numpy(LATENTS), later)
        return (1 - CELLS) * kept + CELLS * x

    return after


def changes() -> Iterator[tuple[str, str]]:
    yield from ((name, half) for name in ("mask", "masked_image_latents") for half in ("prompt", "negative"))


@pytest.mark.parametrize(("name", "half"), changes())
@pytest.mark.parametrize(("model", "branch"), [("inpaint", None), ("inpaint", 0), ("inpaint", 2), ("sdxl-inpaint", 0)])
def test_a_change_of_mask_or_masked_image_changes_the_noise_of_that_half_alone(
    name: str, half: str, model: str, branch: int | None
) -> None:
    pipeline = pair(model).ours
    plan = pipeline.plan(STEPS, scheduler="ddim")
    begun = start(pipeline.components, NOISED, schedule=plan.schedule, generators=[TorchGenerator(3)])
    fine = pipeline.condition(NOISED, guided=True, inpainting=begun.inpainting)
    assert fine.negative is not None
    halves = {"prompt": dict(fine.prompt), "negative": dict(fine.negative)}
    halves[half][name] = halves[half][name] * np.float32(0.9) + np.float32(0.1)

    noise, other = (noise_of(pipeline, each, branch) for each in (fine, Conditioning(**halves)))

    row = {"negative": 0, "prompt": 1}[half]
    assert relative_error(other[row], noise[row]) > 1e-4
    assert relative_error(other[1 - row], noise[1 - row]) <= 1e-6


def noise_of(pipeline: Any, conditioning: Conditioning, branch: int | None) -> Any:
    """The noise of a deep call, or of a shallow one on a feature of ones."""
    unet = pipeline.unet(() if branch is None else (branch,), latent_shape=LATENTS.shape, conditioning=conditioning)
    unet.prepare(LATENTS, 500.0)
    if branch is None:
        unet.deep({}, guided=True)
    else:
        feature = unet.new_feature(branch)
        feature.write(np.ones(feature.shape, np.float32))
        unet.shallow(branch, feature, guided=True)
    return unet.noise(guided=True).read().copy()
