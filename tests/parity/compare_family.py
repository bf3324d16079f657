"""One row of the page of families: what diffusers' pipeline and ours draw of the same request."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import diffusers
import numpy as np
import torch
from tests.bundles import kept_source, small_bundle
from tests.exporter.pipelines import load_in_diffusers
from tests.integration.both import TRAILING, Both, both, expected
from tests.integration.textless import ended
from tests.integration.words import in_their_words
from tests.parity.families import SMALL, Case

from accel_exporter.base_config import base_config
from accel_exporter.check import relative_error
from accel_exporter.libraries import quiet
from accel_exporter.schedules import SCHEDULERS, compile_schedule, scheduler_for, step_options
from accel_runtime import Plan, PlanSpec, compile_plan, open_bundle

# What a pipeline is made with beside its parts.
_OPTIONS: Final = ("force_zeros_for_empty_prompt", "requires_aesthetics_score")
_diffusers: Any = diffusers


@dataclass(frozen=True, slots=True)
class Parity:
    """How far two pipelines are from each other.

    Attributes:
        case: What both drew.
        relative: Largest difference of final latents over the largest latent.
        pixels: Largest difference of 8-bit pixels.
    """

    case: Case
    relative: float
    pixels: int


def compare_family(case: Case) -> Parity:
    """Draw with both."""
    pair = _pair(case.model)
    found = pair.ours.generate(case.request, _plan(case, pair))
    latents, pictures = _theirs(case, pair)
    pixels = np.abs(found.images.astype(int) - (pictures * 255).round().astype(int)).max()
    return Parity(case, relative_error(found.latents, latents), int(pixels))


@cache
def _pair(model: str) -> Both:
    if model == SMALL:
        return Both(open_bundle(small_bundle()), load_in_diffusers(kept_source()))
    return both(model)


def _plan(case: Case, pair: Both) -> Plan:
    """Ours; of few steps from the very scheduler, for the bundle has tables of its own scheduler's spacing alone."""
    if case.is_trailing:
        chosen = scheduler_for(case.scheduler, base_config(TRAILING, case.pipeline))
        options = step_options(case.scheduler, chosen)
        table = compile_schedule(chosen, case.scheduler, spacing=case.steps, step_options=options)
        return compile_plan(PlanSpec(deep="full"), table, guidance=case.guidance)
    guidance = case.guidance if case.takes_text else None
    return pair.ours.plan(case.steps, scheduler=case.scheduler, guidance=guidance, strength=case.strength)


def _theirs(case: Case, pair: Both) -> tuple[Any, Any]:
    """Final latents, and pictures from 0 to 1."""
    if not case.takes_text:
        return ended(case.model, case.scheduler)
    begun = {} if case.strength is None else {"strength": case.strength}
    told = {**in_their_words(case.request), **SCHEDULERS[case.scheduler].step_options, **begun}
    pipe = _drawing(case, pair.theirs)
    if case.is_trailing:
        pipe.scheduler = _diffusers.EulerAncestralDiscreteScheduler.from_config(TRAILING)
    latents = expected(pipe, case.scheduler, guidance_scale=case.guidance, num_inference_steps=case.steps, **told)
    with torch.no_grad():
        decoded = pipe.vae.decode(torch.from_numpy(latents) / pipe.vae.config.scaling_factor).sample
    return latents, pipe.image_processor.postprocess(decoded, output_type="np")


def _drawing(case: Case, own: Any) -> Any:
    """The class that draws, over the parts of the pipeline as it was saved."""
    options = {key: own.config[key] for key in _OPTIONS if key in own.config}
    if "text_encoder_2" not in own.components:
        options["requires_safety_checker"] = False
    with quiet():
        made = getattr(_diffusers, case.pipeline)(**own.components, **options)
    made.set_progress_bar_config(disable=True)
    return made
