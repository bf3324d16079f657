"""What the page of families runs: each small random pipeline, a scheduler, guided or not."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
from tests.exporter.families import SCHEDULERS_OF

from accel_runtime import Request
from accel_runtime.request import Control

GUIDANCE: Final = 5.0
STEPS: Final = 4
STRENGTH: Final = 0.6
SMALL: Final = "small"  # Stable Diffusion 1's, which `tests.bundles.small_bundle` is of

_HEIGHT, _WIDTH = 16, 24
_RANDOM = np.random.default_rng(7)
_PICTURES = _RANDOM.integers(0, 256, (3, _HEIGHT, _WIDTH, 3), dtype=np.uint8)
_MASK = _RANDOM.integers(0, 256, (_HEIGHT, _WIDTH), dtype=np.uint8)

_CAT: Final = Request(("a cat", "a dog"), seed=3)
_SIZED: Final = replace(_CAT, images_per_prompt=2, height=_WIDTH, width=_HEIGHT)
_FROM: Final = replace(_CAT, image=_PICTURES[0])
_MASKED: Final = replace(_FROM, mask=_MASK)
_STEERED: Final = replace(_CAT, controls=(Control(_PICTURES[1], 0.8), Control(_PICTURES[2], 0.5)))
_STEERED_ONCE: Final = replace(_CAT, controls=_STEERED.controls[:1])
_NO_TEXT: Final = Request(("",), images_per_prompt=2, seed=3)


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the page.

    Attributes:
        family: What `docs/families.md` calls it.
        model: The small pipeline: one of `tests.exporter.families.FAMILIES`, or `SMALL`.
        pipeline: The class of diffusers that draws with its parts.
        scheduler: Its short name.
        guidance: Guidance scale; 1 where nothing is guided.
        request: What is drawn.
        steps: Denoising steps.
        strength: Share of the steps that run, from a picture; None from noise.
        is_trailing: Whether timesteps are spaced as few-step models have them.
    """

    family: str
    model: str
    pipeline: str
    scheduler: str
    guidance: float
    request: Request
    steps: int = STEPS
    strength: float | None = None
    is_trailing: bool = False

    @property
    def label(self) -> str:
        """Distinct."""
        return f"{self.family}, {self.pipeline}, {self.scheduler}, guidance {self.guidance:g}"

    @property
    def takes_text(self) -> bool:
        """Whether there is a prompt."""
        return any(self.request.prompts)


def all_cases() -> Iterator[Case]:
    """The rows of the page, in its order."""
    yield from _guided("Stable Diffusion 2", "sd21", "StableDiffusionPipeline", _SIZED)
    yield from _guided("SDXL", "sdxl", "StableDiffusionXLPipeline", _SIZED)
    yield from _guided("SDXL, any multiple of 8", "eighths", "StableDiffusionXLPipeline", _of_size(72, 88))
    yield from _pictured("SDXL from a picture", "sdxl", "StableDiffusionXLImg2ImgPipeline")
    yield from _pictured("SDXL's refiner", "refiner", "StableDiffusionXLImg2ImgPipeline")
    yield from _few_steps()
    yield from _consistent()
    yield from _masked("inpainting", "inpaint", "StableDiffusionInpaintPipeline")
    yield from _masked("SDXL's inpainting", "sdxl-inpaint", "StableDiffusionXLInpaintPipeline")
    yield from _masked("mask, Stable Diffusion 1", SMALL, "StableDiffusionInpaintPipeline")
    yield from _masked("mask, SDXL", "sdxl", "StableDiffusionXLInpaintPipeline")
    yield from _guided("two ControlNets", "control", "StableDiffusionControlNetPipeline", _STEERED)
    yield from _guided("SDXL's ControlNet", "sdxl-control", "StableDiffusionXLControlNetPipeline", _STEERED_ONCE)
    yield from _without_text("pixels without text", "ddpm", "DDPMPipeline")
    yield from _without_text("pixels without text", "ddim", "DDIMPipeline")
    yield from _without_text("latents without text", "ldm", "LDMPipeline")


def _of_size(height: int, width: int) -> Request:
    return replace(_CAT, height=height, width=width)


def _guided(
    family: str, model: str, pipeline: str, request: Request, *, strength: float | None = None
) -> Iterator[Case]:
    """Every scheduler of the model's bundle with negative prompts, and without guidance."""
    case = partial(Case, family, model, pipeline, strength=strength)
    for scheduler in SCHEDULERS_OF.get(model, ("ddim", "euler_a", "dpmpp_2m", "unipc")):
        yield case(scheduler, GUIDANCE, replace(request, negatives=("a bird", "fog")))
        yield case(scheduler, 1.0, request)


def _pictured(family: str, model: str, pipeline: str) -> Iterator[Case]:
    """Those that can start in the middle of a few steps."""
    every = _guided(family, model, pipeline, _FROM, strength=STRENGTH)
    return (case for case in every if case.scheduler != "dpmpp_2m")


def _few_steps() -> Iterator[Case]:
    """Turbo, Lightning and Hyper, which are SDXL's with another scheduler."""
    case = partial(Case, "Turbo, Lightning, Hyper", "sdxl", "StableDiffusionXLPipeline", is_trailing=True)
    return (case(scheduler, 0.0, _CAT, steps=2) for scheduler in ("euler_a", "euler", "lcm", "tcd"))


def _consistent() -> Iterator[Case]:
    case = partial(Case, "latent consistency", "lcm", "LatentConsistencyModelPipeline")
    return (case("lcm", guidance, _CAT) for guidance in (8.5, 1.0))


def _masked(family: str, model: str, pipeline: str) -> Iterator[Case]:
    return _guided(family, model, pipeline, _MASKED, strength=1.0)


def _without_text(family: str, model: str, pipeline: str) -> Iterator[Case]:
    case = partial(Case, family, model, pipeline)
    return (case(scheduler, 1.0, _NO_TEXT) for scheduler in SCHEDULERS_OF[model])


FAMILY_CASES: Final = tuple(all_cases())
