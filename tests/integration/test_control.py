"""ControlNets steer as in diffusers' pipelines, and with feature reuse as by hand on diffusers' modules."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from tests.integration.both import both, drawn, expected
from tests.integration.by_hand import Given, denoise_by_hand
from tests.integration.given import GUIDANCE, given_text
from tests.integration.words import in_their_words
from tests.own_memory import OwnMemory
from torch import Tensor

from accel_exporter.check import relative_error
from accel_exporter.unet import inference
from accel_runtime import Pipeline, Request, open_bundle
from accel_runtime.denoising.conditioning import Conditioning
from accel_runtime.request import Control

CLOSE = 1e-5
HEIGHT, WIDTH = 16, 24
PICTURES = np.random.default_rng(4).integers(0, 256, (4, HEIGHT, WIDTH, 3), dtype=np.uint8)
CONTROLS = (Control(PICTURES[0], scale=0.8), Control(PICTURES[1], scale=0.5))
CAT = Request(("a cat",), seed=3, controls=CONTROLS)
TWO = replace(CAT, prompts=("a cat", "a dog"), negatives=("a bird", "fog"))


def difference(scheduler: str, request: Request, *, guidance: float) -> float:
    """How far our latents are from diffusers'."""
    pair = both("control")
    wanted = expected(pair.theirs, scheduler, **in_their_words(request), guidance_scale=guidance)

    return relative_error(drawn(pair.ours, scheduler, request, guidance=guidance), wanted)


WINDOWS = {
    "begins late": (Control(PICTURES[0], 0.8, 0.5), CONTROLS[1]),
    "ends early": (CONTROLS[0], Control(PICTURES[1], 0.5, 0.0, 0.5)),
    "one after the other": (Control(PICTURES[0], 1.0, 0.0, 0.5), Control(PICTURES[1], 1.0, 0.5, 1.0)),
    "off and negative": (Control(PICTURES[0], 0.0), Control(PICTURES[1], -0.5)),
}


@pytest.mark.parametrize("case", WINDOWS)
def test_scales_begin_and_end_as_in_diffusers(case: str) -> None:
    found = difference("ddim", replace(CAT, controls=WINDOWS[case]), guidance=5.0)

    assert found <= CLOSE < relative_error(*map(latents_of, (CAT, replace(CAT, controls=WINDOWS[case]))))


@cache
def plain(family: str = "control") -> Pipeline:
    return both(family).ours


def latents_of(request: Request) -> Any:
    return drawn(plain(), "ddim", request, guidance=5.0)


def test_each_picture_of_a_batch_may_have_a_control_image_of_its_own() -> None:
    many = tuple(Control(PICTURES[at : at + 2], each.scale) for at, each in zip((0, 2), CONTROLS, strict=True))

    together = latents_of(replace(TWO, controls=many))

    for at in range(2):
        own = tuple(Control(each.image[at], each.scale) for each in many)
        alone = replace(TWO, prompts=(TWO.prompts[at],), negatives=(TWO.negatives[at],), seed=3 + at, controls=own)
        assert relative_error(together[at : at + 1], latents_of(alone)) <= CLOSE


@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_a_picture_to_start_from_is_steered_too(strength: float) -> None:
    kinds: Any = diffusers
    pipe = kinds.StableDiffusionControlNetImg2ImgPipeline(
        **both("control").theirs.components, requires_safety_checker=False
    )
    pipe.set_progress_bar_config(disable=True)
    request = replace(CAT, image=PICTURES[3])
    wanted = expected(pipe, "ddim", **in_their_words(request), strength=strength, guidance_scale=5.0)

    found = drawn(plain(), "ddim", request, guidance=5.0, strength=strength)

    assert relative_error(found, wanted) <= CLOSE


def test_a_masked_picture_is_steered_too() -> None:
    kinds: Any = diffusers
    pipe = kinds.StableDiffusionControlNetInpaintPipeline(
        **both("control").theirs.components, requires_safety_checker=False
    )
    pipe.set_progress_bar_config(disable=True)
    request = replace(CAT, image=PICTURES[3], mask=PICTURES[2, :, :, 0])
    wanted = expected(pipe, "ddim", **in_their_words(request), strength=1.0, guidance_scale=5.0)

    assert relative_error(latents_of(request), wanted) <= CLOSE


def test_the_loop_on_the_device_changes_scales_between_calls() -> None:
    request = replace(CAT, controls=WINDOWS["one after the other"])
    on_device = open_bundle(plain().bundle.folder, OwnMemory())

    assert relative_error(drawn(on_device, "ddim", request, guidance=5.0), latents_of(request)) <= CLOSE


STEPS, EVERY = 6, 3
LATENTS = np.random.default_rng(5).standard_normal((1, 4, HEIGHT // 2, WIDTH // 2)).astype(np.float32)


CASES = {
    "two, even latents": ("control", LATENTS),
    "two, odd latents": ("control", LATENTS[..., 1:, 1:]),
    "one of SDXL": ("sdxl-control", LATENTS),
}
# The second one's control ends within a stretch of shallow calls: held features have it, fresh skips have not.
SCALES, ENDS = (0.8, 0.5), (1.0, 0.5)


@pytest.mark.parametrize("branch", [0, 1, 2])
@pytest.mark.parametrize("case", CASES)
def test_every_3_equals_diffusers_modules_driven_by_hand(case: str, branch: int) -> None:
    family, latents = CASES[case]
    height, width = (2 * side for side in latents.shape[2:])
    controls = of_family(family, [image[:height, :width] for image in PICTURES])
    pipe, request = both(family).theirs, replace(CAT, latents=latents, controls=controls, height=height, width=width)
    scheduler: Any = diffusers.DDIMScheduler
    scheduler = scheduler.from_config(pipe.scheduler.config, clip_sample=False)
    with inference(pipe.unet), inference(pipe.controlnet):
        given = given_text(pipe, size=(height, width))
        wanted = denoise_by_hand(
            pipe.unet,
            scheduler,
            replace(given, control=steering(pipe, scheduler, given, controls)),
            latents=torch.from_numpy(latents),
            steps=STEPS,
            guidance=GUIDANCE,
            every=EVERY,
            branch=branch,
        )
    plan: dict[str, Any] = {"steps": STEPS, "deep": f"every:{EVERY}", "branch": branch}

    assert relative_error(drawn(plain(family), "ddim", request, guidance=GUIDANCE, **plan), wanted) <= CLOSE


def of_family(family: str, images: Sequence[Any]) -> tuple[Control, ...]:
    """As many controls as the family's pipeline has ControlNets."""
    numbers = list(zip(SCALES, ENDS, strict=True))[-len(plain(family).bundle.manifest.controls) :]
    return tuple(Control(image, scale, 0.0, end) for image, (scale, end) in zip(images, numbers, strict=False))


def steering(pipe: Any, scheduler: Any, given: Given, controls: tuple[Control, ...]) -> Any:
    """What the pipeline's ControlNets add at a call."""
    pixels = [torch.from_numpy(each.image).permute(2, 0, 1)[None].float().repeat(2, 1, 1, 1) / 255 for each in controls]

    def control(sample: Tensor, t: Tensor) -> Any:
        share = (int((scheduler.timesteps == t).nonzero()) + 1) / STEPS
        scales = [each.scale if share <= each.end else 0.0 for each in controls]
        of_one = (pixels, scales) if len(controls) > 1 else (pixels[0], scales[0])
        told = {"added_cond_kwargs": dict(given.added)} if given.added else {}
        return pipe.controlnet(sample, t, given.text, *of_one, **told, return_dict=False)

    return control


def inputs() -> Iterator[tuple[str, str, int | None]]:
    """What ControlNets make of their images, and what they take as the UNet does, of a deep and of a shallow call."""
    of = {
        "control": ("controlnet_cond_0", "controlnet_cond_1", "encoder_hidden_states"),
        "sdxl-control": ("controlnet_cond_0", "encoder_hidden_states", "text_embeds", "time_ids"),
    }
    every = ((family, name, branch) for family, names in of.items() for name in names for branch in (None, 0))
    # SDXL's outermost blocks have no attention to text.
    return (each for each in every if each != ("sdxl-control", "encoder_hidden_states", 0))


@pytest.mark.parametrize(("family", "name", "branch"), inputs())
@pytest.mark.parametrize("half", ["prompt", "negative"])
def test_a_change_of_an_input_changes_the_noise_of_that_half_alone(
    family: str, name: str, half: str, branch: int | None
) -> None:
    fine = plain(family).condition(of(family), guided=True)
    assert fine.negative is not None
    halves = {"prompt": dict(fine.prompt), "negative": dict(fine.negative)}
    halves[half][name] = halves[half][name] * np.float32(1.1) + np.float32(0.1)
    changed = Conditioning(**halves, by_call=fine.by_call)

    noise, other = (noise_of(family, each, branch) for each in (fine, changed))

    row = {"negative": 0, "prompt": 1}[half]
    assert relative_error(other[row], noise[row]) > 1e-4
    assert relative_error(other[1 - row], noise[1 - row]) <= 1e-6


def of(family: str) -> Request:
    """A cat with as many controls as the family's pipeline has ControlNets."""
    return replace(CAT, controls=CONTROLS[: len(plain(family).bundle.manifest.controls)])


@pytest.mark.parametrize(("family", "number"), [("control", 0), ("control", 1), ("sdxl-control", 0)])
@pytest.mark.parametrize("branch", [None, 0])
def test_a_change_of_a_scale_changes_the_noise(family: str, number: int, branch: int | None) -> None:
    fine = plain(family).condition(of(family), guided=True)
    scales = fine.by_call["conditioning_scale"].copy()
    scales[:, number] += 0.2
    other = Conditioning(fine.prompt, fine.negative, {"conditioning_scale": scales})

    assert relative_error(*(noise_of(family, each, branch) for each in (fine, other))) > 1e-4


def noise_of(family: str, conditioning: Conditioning, branch: int | None) -> Any:
    """The noise of a deep call, or of a shallow one on a feature of ones."""
    branches = () if branch is None else (branch,)
    unet = plain(family).unet(branches, latent_shape=LATENTS.shape, conditioning=conditioning)
    unet.prepare(LATENTS, 500.0)
    unet.begin(0)
    if branch is None:
        unet.deep({}, guided=True)
    else:
        feature = unet.new_feature(branch)
        feature.write(np.ones(feature.shape, np.float32))
        unet.shallow(branch, feature, guided=True)
    return unet.noise(guided=True).read().copy()


def test_a_shallow_pass_has_only_what_feeds_its_skips_of_a_controlnet() -> None:
    manifest = plain().bundle.manifest
    parameters = {k: manifest.graphs[cut.graph].parameters for k, cut in manifest.denoiser.shallow.items()}
    nets = sum(each.numel() for each in both("control").theirs.controlnet.parameters())

    assert parameters[0] < manifest.deep.parameters - nets / 2
    assert parameters[0] < parameters[1] < parameters[2] < manifest.deep.parameters
