"""The denoising loop: a generator that yields after every UNet call."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from accel_runtime.backends.base import Array
from accel_runtime.noise import TorchGenerator, stacked_normal
from accel_runtime.plan import Call, Plan
from accel_runtime.schedule import Recurrence
from accel_runtime.unet import UNet


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What the caller sees after one UNet call.

    Attributes:
        index: Number of the call, counted from 0.
        total: How many calls the plan has.
        timestep: What the UNet was told.
        call: The plan's entry: which pass ran.
        latents: [B, C, h, w] float32 after the call; never written again.
    """

    index: int
    total: int
    timestep: float
    call: Call
    latents: Array


def denoise(unet: UNet, plan: Plan, *, latents: Array, generators: Sequence[TorchGenerator]) -> Iterator[Step]:
    """Run the plan; the caller owns progress, timing, preview and stopping.

    Args:
        unet: The UNet, bound for this plan and batch.
        plan: What to run at each call.
        latents: x_0, the scaled noise or the noised image, [B, C, h, w].
        generators: One per image; schedulers that add noise draw from them.
    """
    state = Recurrence.start(latents)
    total = len(plan.calls)
    for index, (row, call) in enumerate(zip(plan.schedule.rows, plan.calls, strict=True)):
        noise = unet.run(call, state.model_input(row), timestep=row.timestep)
        draw = stacked_normal(generators, latents.shape[1:]) if row.draws else None
        state = state.advance(row, guide(noise, call, rescale=plan.guidance_rescale), draw=draw)
        yield Step(index=index, total=total, timestep=row.timestep, call=call, latents=state.latents)


def guide(noise: Array, call: Call, *, rescale: float = 0.0) -> Array:
    """Classifier-free guidance (arXiv:2207.12598): [2B, …], negative half first → [B, …].

    Args:
        noise: What the UNet gave.
        call: Says whether and how strongly it is guided.
        rescale: How far each image's deviation is brought back to the prompt half's (arXiv:2305.08891, section 3.4).
    """
    if not call.guided:
        return noise
    negative, prompt = np.split(noise, 2)
    guided: Array = negative + np.float32(call.guidance) * (prompt - negative)
    if rescale == 0.0:
        return guided
    rescaled = guided * (_deviation(prompt) / _deviation(guided))
    mixed: Array = np.float32(rescale) * rescaled + np.float32(1 - rescale) * guided
    return mixed


def _deviation(images: Array) -> Array:
    """Each image's standard deviation, Bessel-corrected as torch's. Shape: [B, 1, 1, 1]."""
    deviation: Array = images.std(axis=tuple(range(1, images.ndim)), keepdims=True, ddof=1, dtype=np.float32)
    return deviation
