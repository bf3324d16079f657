"""What families take beside a prompt means what it means in diffusers; `tests/parity` has their schedulers."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import diffusers
import numpy as np
import pytest
from PIL import Image
from tests.exporter.families import SCHEDULERS_OF
from tests.integration.both import TRAILING, both, difference, drawn, expected, seeds

from accel_exporter.base_config import base_config
from accel_exporter.check import relative_error
from accel_exporter.schedules import compile_schedule, scheduler_for
from accel_exporter.schedules.names import step_options
from accel_runtime import PlanSpec, Request, compile_plan
from accel_runtime.request import Framing

CLOSE = 1e-5
GUIDED = ("sdxl", "sd21")
CAT = Request(("a cat",), seed=3)
PICTURE = np.random.default_rng(2).integers(0, 256, (16, 24, 3), dtype=np.uint8)


def runs(*families: str) -> Iterator[tuple[str, str]]:
    """Every scheduler of the families' bundles."""
    return ((family, scheduler) for family in families for scheduler in SCHEDULERS_OF[family])


@pytest.mark.parametrize("guidance", [0.0, 7.5])
@pytest.mark.parametrize(("family", "scheduler"), runs(*GUIDED))
def test_without_a_negative_prompt_latents_are_those_of_diffusers(family: str, scheduler: str, guidance: float) -> None:
    assert difference(family, scheduler, CAT, guidance=guidance, prompt="a cat") <= CLOSE


@pytest.mark.parametrize("steps", [1, 2, 6])
@pytest.mark.parametrize("scheduler", ["euler_a", "euler", "lcm", "tcd"])
def test_few_steps_without_guidance_and_with_trailing_timesteps_are_diffusers(scheduler: str, steps: int) -> None:
    """The pipeline of Turbo, Lightning and Hyper models, which is SDXL's with another scheduler."""
    pair, base = both("sdxl"), base_config(TRAILING, "StableDiffusionXLPipeline")
    chosen: Any = scheduler_for(scheduler, base)
    options = step_options(scheduler, chosen)
    table = compile_schedule(chosen, scheduler, spacing=steps, step_options=options)
    plan = compile_plan(PlanSpec(deep="full"), table, guidance=0.0)
    own, pair.theirs.scheduler = pair.theirs.scheduler, chosen
    try:
        asked = {"num_inference_steps": steps, "guidance_scale": 0.0, "generator": seeds(1), **options}
        wanted = pair.theirs("a cat", output_type="latent", **asked).images.numpy()
    finally:
        pair.theirs.scheduler = own

    assert relative_error(pair.ours.generate(CAT, plan).latents, wanted) <= CLOSE


@pytest.mark.parametrize("guidance", [0.0, 1.0, 8.5])
@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize(("family", "scheduler"), runs("lcm"))
def test_guidance_that_the_unet_takes_as_an_input_is_diffusers(
    family: str, scheduler: str, steps: int, guidance: float
) -> None:
    request = replace(CAT, prompts=("a cat", "a dog"))

    found = difference(
        family, scheduler, request, guidance=guidance, prompt=["a cat", "a dog"], num_inference_steps=steps
    )

    assert found <= CLOSE


def refining(family: str) -> Any:
    """The pipeline that starts from pictures, of the same parts."""
    pipe: Any = diffusers.StableDiffusionXLImg2ImgPipeline(
        **both(family).theirs.components,
        requires_aesthetics_score=family == "refiner",
        force_zeros_for_empty_prompt=family == "sdxl",
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


FRAMED = Framing((64, 80), (3, 5), (16, 40))
SIZES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "of the prompt": (
        {"framing": FRAMED},
        {"original_size": (64, 80), "crops_coords_top_left": (3, 5), "target_size": (16, 40)},
    ),
    "of the crop alone": ({"framing": Framing(crops_coords_top_left=(3, 5))}, {"crops_coords_top_left": (3, 5)}),
    "of the negative prompt": (
        {"negative_framing": FRAMED},
        {
            "negative_original_size": (64, 80),
            "negative_crops_coords_top_left": (3, 5),
            "negative_target_size": (16, 40),
        },
    ),
}


@pytest.mark.parametrize("case", SIZES)
def test_sizes_mean_what_diffusers_means_by_them(case: str) -> None:
    asked, theirs = SIZES[case]

    assert difference("sdxl", "ddim", replace(CAT, **asked), guidance=5.0, prompt="a cat", **theirs) <= CLOSE


PICTURED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "scores": (
        "refiner",
        {"framing": Framing(aesthetic_score=3.0), "negative_framing": Framing(aesthetic_score=1.0)},
        {"aesthetic_score": 3.0, "negative_aesthetic_score": 1.0},
    ),
    "a refiner's crop, which its negative half has not": (
        "refiner",
        {"framing": Framing((64, 80), (3, 5))},
        {"original_size": (64, 80), "crops_coords_top_left": (3, 5)},
    ),
    "SDXL's negative sizes, whose crop is the prompt's": (
        "sdxl",
        {"framing": Framing(crops_coords_top_left=(1, 2)), "negative_framing": FRAMED},
        {
            "crops_coords_top_left": (1, 2),
            "negative_original_size": (64, 80),
            "negative_crops_coords_top_left": (3, 5),
            "negative_target_size": (16, 40),
        },
    ),
}


@pytest.mark.parametrize("case", PICTURED)
def test_sizes_and_scores_beside_a_picture_mean_what_diffusers_means_by_them(case: str) -> None:
    family, asked, theirs = PICTURED[case]
    theirs = theirs | {"image": Image.fromarray(PICTURE), "strength": 0.6, "generator": seeds(1)}
    wanted = expected(refining(family), "ddim", prompt="a cat", guidance_scale=5.0, **theirs)

    request = replace(CAT, image=PICTURE, **asked)

    assert relative_error(drawn(both(family).ours, "ddim", request, guidance=5.0, strength=0.6), wanted) <= CLOSE


def test_an_empty_negative_prompt_is_none_where_diffusers_forces_zeros() -> None:
    written = difference("sdxl", "ddim", CAT, guidance=5.0, prompt="a cat", negative_prompt="")

    assert difference("sdxl", "ddim", CAT, guidance=5.0, prompt="a cat") <= CLOSE < written
