"""A diffusers scheduler's own loop, run once on symbols.

The last axis of every tensor is a basis: element ``d`` is the weight of basis vector ``d``, so one
run shows what each x_k is made of. x_0, every model output e_k and every noise z_k is a basis
vector. Probe columns run beside the basis and hold plain numbers of very different size: a step that
is not linear (clipping, thresholding) treats them differently from what the weights predict.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from sys import modules
from types import ModuleType
from typing import Any, cast

import numpy as np
import torch
from diffusers import SchedulerMixin

from accel_exporter.libraries import one_line
from accel_exporter.schedules.fit import TOLERANCE, LinearRun, Vector
from accel_runtime.errors import ExportError

# A clamp to [-1, 1] leaves a basis vector of weight below 1 alone, but not a thousand times as much.
PROBE_SIZES = (1.0, 1000.0, -3.0)

_patching = threading.RLock()


@dataclass(frozen=True)
class Trace:
    """What one run of a scheduler showed.

    Attributes:
        run: The latents as coordinates.
        input_scales: s_k, one per call.
        draws: Noise tensors drawn, one number per call.
    """

    run: LinearRun
    input_scales: tuple[float, ...]
    draws: tuple[int, ...]


def trace_scheduler(scheduler: SchedulerMixin, *, begin: int, step_options: Mapping[str, object]) -> Trace:
    """Run ``scheduler``, on which `set_timesteps` was just called, to its end; it is used up by that.

    The loop is `StableDiffusionPipeline`'s of diffusers 0.42.1: `scale_model_input`, then `step`; from ``begin`` on,
    `StableDiffusionImg2ImgPipeline`'s.

    Args:
        scheduler: Ready to be stepped.
        begin: The first call that is made.
        step_options: Further arguments of every `step`, such as ``eta``.

    Raises:
        ExportError: The scheduler is not linear, draws twice in a call, or raised an error.
    """
    loop = cast("Any", scheduler)  # SchedulerMixin declares none of what every scheduler has
    timesteps = loop.timesteps[begin:]
    basis = _Basis.of(len(timesteps))
    latents, inputs, draws = [basis.start], [], []
    with torch.inference_mode():
        for k, t in enumerate(timesteps):
            with (
                failures_named(scheduler, f"call {begin + k}"),
                _double_precision(scheduler, basis.noise(k)) as drawn,
            ):
                inputs.append(_scaled(loop, latents[k], t))
                latents.append(loop.step(basis.noise_pred(k), t, latents[k], return_dict=False, **step_options)[0])
            draws.append(len(drawn))
    if max(draws) > 1:
        raise ExportError(f"{_name(scheduler)} draws {max(draws)} noise tensors in one call; a table holds one")
    x, u = basis.read(latents), basis.read(inputs)
    _check_linear(scheduler, x, basis)
    run = LinearRun(x[:, : basis.size], range(1, basis.calls + 1), range(basis.calls + 1, basis.size))
    return Trace(run, _input_scales(scheduler, x[:-1], u), tuple(draws))


def _scaled(scheduler: Any, latents: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """The model input; flow matching schedulers have no `scale_model_input`."""
    if not hasattr(scheduler, "scale_model_input"):
        return latents
    scaled: torch.Tensor = scheduler.scale_model_input(latents, t)
    return scaled


@contextmanager
def failures_named(scheduler: SchedulerMixin, place: str) -> Iterator[None]:
    """Turn what ``scheduler`` raises into an `ExportError` that says where it was raised."""
    try:
        yield
    # Whatever diffusers' schedulers raise where they cannot go on: an assertion of UniPC's, a name that was never set.
    except Exception as error:
        raise ExportError(f"{_name(scheduler)} failed at {place}: {one_line(error)}") from error


@dataclass(frozen=True)
class _Basis:
    """Basis vectors x_0, e_0 … e_{K-1}, z_0 … z_{K-1} as rows; after their one-hot columns the probes'."""

    calls: int
    rows: torch.Tensor

    @classmethod
    def of(cls, calls: int) -> "_Basis":
        size = 2 * calls + 1
        probes = np.random.default_rng(0).standard_normal((size, len(PROBE_SIZES))) * PROBE_SIZES
        # Four axes, as latents have: thresholding unpacks them.
        return cls(calls, torch.from_numpy(np.hstack([np.eye(size), probes]))[:, None, None, None])

    @property
    def size(self) -> int:
        return 2 * self.calls + 1

    @property
    def start(self) -> torch.Tensor:
        return self.rows[0]

    @property
    def probes(self) -> Vector:
        return self.read([self.rows])[:, self.size :]

    def noise_pred(self, k: int) -> torch.Tensor:
        return self.rows[1 + k]

    def noise(self, k: int) -> torch.Tensor:
        return self.rows[1 + self.calls + k]

    def read(self, tensors: list[torch.Tensor]) -> Vector:
        """Tensors of basis columns and probe columns as the rows of one matrix."""
        return torch.cat(tensors).reshape(-1, self.rows.shape[-1]).numpy()


def _check_linear(scheduler: SchedulerMixin, x: Vector, basis: _Basis) -> None:
    if x.dtype != np.float64:
        raise ExportError(f"{_name(scheduler)} rounds the latents to {x.dtype}")
    if not np.isfinite(x).all():
        raise ExportError(f"{_name(scheduler)} makes infinite or NaN latents under this config, in diffusers too")
    weights, probes = x[:, : basis.size], basis.probes
    largest = np.abs(weights) @ np.abs(probes)
    if (np.abs(weights @ probes - x[:, basis.size :]) > TOLERANCE * largest).any():
        config = dict(cast("Any", scheduler).config)
        culprits = [key for key in ("clip_sample", "thresholding", "clip_denoised") if config.get(key)]
        keys = " and ".join(culprits)
        advice = f": set {keys} to false in scheduler_config.json, or choose another scheduler" if keys else ""
        raise ExportError(f"{_name(scheduler)} is not linear in latents and noise, so no table can hold it{advice}")


def _input_scales(scheduler: SchedulerMixin, x: Vector, u: Vector) -> tuple[float, ...]:
    scales = (u * x).sum(axis=1) / (x * x).sum(axis=1)
    if (np.abs(u - scales[:, None] * x) > TOLERANCE * np.abs(u).max(axis=1, keepdims=True)).any():
        raise ExportError(f"{_name(scheduler)} does more to the model input than scale it")
    # A scheduler that hands the latents on unchanged has s = 1, not 1 - 1e-16.
    return tuple(np.where((u == x).all(axis=1), 1.0, scales).tolist())


class _DoubleTorch(ModuleType):
    """``torch``, but for ``torch.float32``, which is float64."""

    def __getattr__(self, name: str) -> object:
        return torch.float64 if name == "float32" else getattr(torch, name)


@contextmanager
def _double_precision(scheduler: SchedulerMixin, noise: torch.Tensor) -> Iterator[list[torch.Tensor]]:
    """Keep a call of ``scheduler`` in float64, and make the noise it draws ``noise``; yields the draws.

    Euler and DPM-Solver++ upcast "to float32" by name, which would round our symbols; these names are
    globals of the scheduler's module, so they are replaced there, and only inside this block.
    torchsde's Brownian increments become single independent draws: the same distribution, not the same seeds.
    """
    module = modules[type(scheduler).__module__]
    drawn: list[torch.Tensor] = []

    def draw(*_: object, **__: object) -> torch.Tensor:
        drawn.append(noise)
        return noise

    replacements = {
        "torch": _DoubleTorch("torch"),
        "randn_tensor": draw,
        "BrownianTreeNoiseSampler": lambda *_, **__: draw,
    }
    if hasattr(scheduler, "noise_sampler"):
        scheduler.noise_sampler = None  # it is made once and kept, so it would go on drawing the first call's noise
    with _patching:
        originals = {name: getattr(module, name) for name in replacements if hasattr(module, name)}
        try:
            for name in originals:
                setattr(module, name, replacements[name])
            yield drawn
        finally:
            for name, original in originals.items():
                setattr(module, name, original)


def _name(scheduler: SchedulerMixin) -> str:
    return type(scheduler).__name__
