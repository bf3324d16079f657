"""From an order to rows: prompts and pictures are encoded for all of its images at once, as a pipeline does it."""

import numpy as np

from accel_runtime.bundle.room import check_request
from accel_runtime.denoising.conditioning import Conditioning
from accel_runtime.denoising.inpainting import Blend
from accel_runtime.denoising.noise import TorchGenerator
from accel_runtime.denoising.start import start
from accel_runtime.errors import InputError
from accel_runtime.pipeline import Pipeline
from accel_runtime.plans.plan import Plan
from accel_serve.engine.order import Order
from accel_serve.engine.row import Image, Row


def prepare(pipeline: Pipeline, order: Order) -> list[Row]:
    """The rows of an order, one for each image, at their first call; see `Pipeline.denoise`.

    Raises:
        InputError: The request and the model do not fit, the machine cannot hold the images, or calls are gated.
    """
    request, plan = order.request, order.plan
    check_served(plan)
    check_request(request, pipeline.bundle.manifest, guided=plan.guided)
    generators = [TorchGenerator(seed) for seed in request.image_seeds]
    started = start(pipeline.components, request, schedule=plan.schedule, generators=generators)
    conditioning = pipeline.condition(
        request,
        guided=plan.guided,
        guidance=plan.guidance_input,
        calls=len(plan.calls),
        inpainting=started.inpainting,
    )
    blend = started.inpainting.blend if started.inpainting else None
    return [
        Row(
            Image(plan, _inputs(conditioning, number), generator, _own(blend, number)),
            started.latents[number : number + 1],
        )
        for number, generator in enumerate(generators)
    ]


def check_served(plan: Plan) -> None:
    """Refuse a plan that batches cannot run.

    Raises:
        InputError: Its calls are gated.
    """
    if plan.keeps:
        raise InputError("plan: tgate: a service mixes calls of many images, and keeps nothing: choose another plan")


def _inputs(conditioning: Conditioning, number: int) -> dict[str, np.ndarray]:
    """The inputs of one image: [2, …] with the negative half first, or [1, …]."""
    halves = [half for half in (conditioning.negative, conditioning.prompt) if half is not None]
    return {name: np.stack([half[name][number] for half in halves]) for name in conditioning.prompt}


def _own(blend: Blend | None, number: int) -> Blend | None:
    """What is put back into one image; mask and picture may be those of all."""
    if blend is None:
        return None
    mask, image = (values[min(number, len(values) - 1)][np.newaxis] for values in (blend.mask, blend.image))
    return Blend(mask, image, blend.noise[number : number + 1], blend.weights)
