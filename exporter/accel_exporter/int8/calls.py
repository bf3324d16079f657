"""UNet calls of uncached runs: what the layers of a bundle are calibrated and judged on."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from accel_exporter.check import Arrays
from accel_runtime.denoising.noise import TorchGenerator
from accel_runtime.denoising.start import start
from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.plan import Plan
from accel_runtime.request import Request

# Of several kinds: what a model draws, and a prompt without any.
CAPTIONS: Final = (
    "a red apple on a white background",
    "a cat sitting on a sofa",
    "mountains at sunset",
    "a woman with a blue hat",
    "an old car in a street",
    "a bowl of soup",
    "a yellow flower on a black background",
    "a house by the sea",
)


def record_calls(pipeline: Pipeline, request: Request, plan: Plan, *, every: int) -> Iterator[Arrays]:
    """Draw a request, and hand out the deep pass's inputs at every so manyth call, by name.

    Args:
        pipeline: A bundle of a model that takes prompts alone.
        request: What to draw.
        plan: An uncached plan.
        every: Hand out calls 0, ``every``, 2 × ``every`` …
    """
    conditioning = pipeline.condition(request, guided=plan.guided)
    generators = [TorchGenerator(seed) for seed in request.image_seeds]
    names = pipeline.bundle.manifest.denoiser
    latents = start(pipeline.components, request, schedule=plan.schedule, generators=generators).latents
    for step, row in zip(pipeline.denoise(request, plan), plan.schedule.rows, strict=True):
        if step.index % every == 0:
            scaled = latents * np.float32(row.input_scale)
            yield {
                names.sample: np.concatenate([scaled, scaled] if plan.guided else [scaled]),
                names.timestep: np.array([row.timestep], np.float32),
                **{each.name: conditioning.rows(each.name) for each in names.inputs},
            }
        latents = step.latents
