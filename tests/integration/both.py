"""A family's small pipeline in accel and in diffusers itself, and what both draw of the same request."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import diffusers
import torch
from tests.bundles import family_bundle, family_source
from tests.exporter.families import load_family

from accel_exporter.check import relative_error
from accel_exporter.schedules import SCHEDULERS
from accel_runtime import Pipeline, Request, open_bundle

STEPS = 4
# The scheduler's config of a few-step model: Turbo, Lightning, Hyper.
TRAILING = {
    "_class_name": "EulerAncestralDiscreteScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "timestep_spacing": "trailing",
    "clip_sample": False,
}


@dataclass(frozen=True, slots=True, eq=False)
class Both:
    """The same weights twice."""

    ours: Pipeline
    theirs: Any


@cache
def both(family: str) -> Both:
    """One of `tests.exporter.families.FAMILIES`, opened once."""
    return Both(open_bundle(family_bundle(family)), load_family(family_source(family)))


def drawn(pipeline: Pipeline, scheduler: str, request: Request, *, guidance: float, **plan: Any) -> Any:
    """Our final latents."""
    steps = plan.pop("steps", STEPS)
    return pipeline.generate(request, pipeline.plan(steps, scheduler=scheduler, guidance=guidance, **plan)).latents


def expected(pipe: Any, scheduler: str, **options: Any) -> Any:
    """Final latents of diffusers' pipeline with another scheduler put in the documented way."""
    choice, own = SCHEDULERS[scheduler], pipe.scheduler
    try:
        if type(own).__name__ != choice.class_name:
            pipe.scheduler = getattr(diffusers, choice.class_name).from_config(own.config, **choice.overrides)
        return pipe(**({"num_inference_steps": STEPS} | options), output_type="latent").images.numpy()
    finally:
        pipe.scheduler = own


def seeds(count: int, first: int = 3) -> list[torch.Generator]:
    """Generators as a request with ``seed=3`` has them."""
    return [torch.Generator("cpu").manual_seed(first + image) for image in range(count)]


def difference(family: str, scheduler: str, request: Request, *, guidance: float, **theirs: Any) -> float:
    """How far our latents are from diffusers', which is asked in its own words."""
    pair = both(family)
    wanted = expected(pair.theirs, scheduler, generator=seeds(request.images), guidance_scale=guidance, **theirs)
    steps: Mapping[str, Any] = {"steps": theirs["num_inference_steps"]} if "num_inference_steps" in theirs else {}
    strength: Mapping[str, Any] = {"strength": theirs["strength"]} if "strength" in theirs else {}
    found = drawn(pair.ours, scheduler, request, guidance=guidance, **steps, **strength)
    return relative_error(found, wanted)
