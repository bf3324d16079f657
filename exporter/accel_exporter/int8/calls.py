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


def record_calls(pipeline: Pipeline, request: Request, plan: Plan, *, count: int) -> Iterator[Arrays]:
    """Draw a request, and hand out the deep pass's inputs at some of its calls, by name.

    Args:
        pipeline: A bundle of a model that takes prompts alone.
        request: What to draw.
        plan: An uncached plan.
        count: How many calls, spread evenly; first and last are among them, where tensors are largest.
    """
    conditioning = pipeline.condition(request, guided=plan.guided)
    generators = [TorchGenerator(seed) for seed in request.image_seeds]
    names = pipeline.bundle.manifest.denoiser
    wanted = set(np.linspace(0, len(plan.calls) - 1, count).round().astype(int).tolist())
    latents = start(pipeline.components, request, schedule=plan.schedule, generators=generators).latents
    for step, row in zip(pipeline.denoise(request, plan), plan.schedule.rows, strict=True):
        if step.index in wanted:
            scaled = latents * np.float32(row.input_scale)
            yield {
                names.sample: np.concatenate([scaled, scaled] if plan.guided else [scaled]),
                names.timestep: np.array([row.timestep], np.float32),
                **{each.name: conditioning.rows(each.name) for each in names.inputs},
            }
        latents = step.latents
