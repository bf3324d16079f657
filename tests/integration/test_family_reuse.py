"""Feature reuse in every family equals reuse by hand on diffusers' own modules, and each input reaches both passes."""

from collections.abc import Iterator
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from tests.integration.both import both, drawn
from tests.integration.by_hand import denoise_by_hand
from tests.integration.given import GUIDANCE, given_text

from accel_exporter.check import relative_error
from accel_exporter.unet import inference
from accel_runtime import Request
from accel_runtime.denoising.conditioning import Conditioning

STEPS, EVERY = 6, 3
BRANCHES = (0, 1, 2)
LATENTS = np.random.default_rng(5).standard_normal((1, 4, 8, 8)).astype(np.float32)
SIDE = 16
FAMILIES = ("sdxl", "refiner", "sd21", "lcm")


@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_3_equals_diffusers_modules_driven_by_hand(family: str, branch: int) -> None:
    pair = both(family)
    name = "lcm" if family == "lcm" else "ddim"
    scheduler: Any = {"lcm": diffusers.LCMScheduler, "ddim": diffusers.DDIMScheduler}[name]
    with inference(pair.theirs.unet):
        wanted = denoise_by_hand(
            pair.theirs.unet,
            scheduler.from_config(pair.theirs.scheduler.config),
            given_text(pair.theirs, size=(SIDE, SIDE)),
            latents=torch.from_numpy(LATENTS),
            steps=STEPS,
            guidance=GUIDANCE,
            every=EVERY,
            branch=branch,
        )

    request, plan = Request(("a cat",), latents=LATENTS), {"steps": STEPS, "deep": f"every:{EVERY}", "branch": branch}

    assert relative_error(drawn(pair.ours, name, request, guidance=GUIDANCE, **plan), wanted) <= 1e-5


def inputs() -> Iterator[tuple[str, str]]:
    """Every input of every family, beside sample and timestep."""
    text, added = ("encoder_hidden_states",), ("text_embeds", "time_ids")
    more = {"sdxl": added, "refiner": added, "sd21": (), "lcm": ("timestep_cond",)}
    return ((family, name) for family in FAMILIES for name in (*text, *more[family]))


@pytest.mark.parametrize(("family", "name"), inputs())
def test_a_change_of_any_row_of_any_input_changes_the_noise(family: str, name: str) -> None:
    pipeline, is_guided = both(family).ours, family != "lcm"
    fine = pipeline.condition(Request(("a cat",)), guided=is_guided, guidance=GUIDANCE)
    noise = run(pipeline, fine, guided=is_guided)

    for half in ("prompt", "negative") if is_guided else ("prompt",):
        halves = {"prompt": dict(fine.prompt), "negative": None if fine.negative is None else dict(fine.negative)}
        changed: Any = halves[half]
        changed[name] = changed[name] * np.float32(1.1) + np.float32(0.1)
        other = run(pipeline, Conditioning(**halves), guided=is_guided)  # type: ignore[arg-type]
        row = 0 if half == "negative" else len(noise) - 1

        assert relative_error(other[row], noise[row]) > 1e-4
        assert len(noise) == 1 or relative_error(other[1 - row], noise[1 - row]) <= 1e-6


def run(pipeline: Any, conditioning: Conditioning, *, guided: bool) -> Any:
    """The noise of a deep call."""
    unet = pipeline.unet((), latent_shape=LATENTS.shape, conditioning=conditioning)
    unet.prepare(LATENTS, 500.0)
    unet.deep({}, guided=guided)
    return unet.noise(guided=guided).read().copy()


@pytest.mark.parametrize("family", ["sdxl", "refiner"])
def test_pooled_text_and_sizes_reach_the_shallow_pass_too(family: str) -> None:
    manifest = both(family).ours.bundle.manifest
    for cut in manifest.denoiser.shallow.values():
        taken = {tensor.name for tensor in manifest.graphs[cut.graph].inputs}

        assert {"text_embeds", "time_ids"} <= taken
