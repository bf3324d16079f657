"""A toy model denoised twice: by an unpatched diffusers scheduler, and by our table."""

import copy
import inspect
from collections.abc import Mapping
from sys import modules
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
import torch

from accel_exporter.schedules import Spacing
from accel_exporter.schedules.compile import NO_OPTIONS
from accel_runtime.denoising.noise import TorchGenerator
from accel_runtime.schedules.schedule import Recurrence, ScheduleTable

SHAPE = (2, 4, 6, 6)
Latents = npt.NDArray[np.float32]


def toy_model(u: Latents, t: float) -> Latents:
    """Nonlinear, mixes channels, depends on the time; float32."""
    mixed: Latents = np.tanh(0.7 * u + 0.3 * np.roll(u, 1, axis=1)) * np.float32(0.6 + t / 2500)
    wave: Latents = np.sin(u + np.float32(t / 100))
    return mixed + np.float32(0.05) * wave


def start_image() -> Latents:
    return np.random.default_rng(5).standard_normal(SHAPE).astype(np.float32)


def diffusers_loop(
    scheduler: Any,
    spacing: Spacing,
    *,
    begin: int = 0,
    seed: int = 3,
    step_options: Mapping[str, object] = NO_OPTIONS,
) -> Latents:
    """The loop of `StableDiffusionPipeline`, or from ``begin`` on of its image-to-image one, in float32."""
    loop, generator = copy.deepcopy(scheduler), torch.Generator("cpu").manual_seed(seed)
    spacing.apply(loop)
    noise = torch.randn(SHAPE, generator=generator)
    if begin:
        if hasattr(loop, "set_begin_index"):
            loop.set_begin_index(begin)
        image, start = torch.from_numpy(start_image()), loop.timesteps[begin : begin + 1]
        latents = (
            loop.add_noise(image, noise, start) if hasattr(loop, "add_noise") else loop.scale_noise(image, start, noise)
        )
    else:
        latents = noise * getattr(loop, "init_noise_sigma", 1.0)
    options = {**step_options}
    if "generator" in inspect.signature(loop.step).parameters:
        options["generator"] = generator
    with independent_noise(loop, generator):
        for t in loop.timesteps[begin:]:
            scaled = loop.scale_model_input(latents, t) if hasattr(loop, "scale_model_input") else latents
            noise_pred = torch.from_numpy(toy_model(scaled.numpy().astype(np.float32), float(t)))
            latents = loop.step(noise_pred, t, latents, return_dict=False, **options)[0]
    result: Latents = latents.numpy()
    return result


def independent_noise(scheduler: Any, generator: torch.Generator, *, shape: tuple[int, ...] = SHAPE) -> Any:
    """Torchsde's correlated draws as independent ones, so that the coefficients can be compared at all."""
    module = modules[type(scheduler).__module__]

    def sampler(*_: object, **__: object) -> Any:
        return lambda *_: torch.randn(shape, generator=generator)

    return mock.patch.object(module, "BrownianTreeNoiseSampler", sampler, create=True)


def table_loop(table: ScheduleTable, *, seed: int = 3) -> Latents:
    """What the runtime does with a table."""
    generator = TorchGenerator(seed)
    noise = generator.normal(SHAPE)
    latents = noise * np.float32(table.init_noise_sigma)
    if table.begin:
        weights = table.rows[0].add_noise
        assert weights is not None
        latents = np.float32(weights[0]) * start_image() + np.float32(weights[1]) * noise
    state = Recurrence.start(latents)
    for row in table.rows:
        noise_pred = toy_model(state.model_input(row), row.timestep)
        draw = generator.normal(SHAPE) if row.draws else None
        state = state.advance(row, noise_pred, draw=draw)
    return state.latents


def relative_error(ours: Latents, theirs: Latents) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())
