"""Compile a diffusers scheduler to one schedule table."""

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, cast

import numpy as np
import torch
from diffusers import SchedulerMixin

from accel_exporter.libraries import quiet
from accel_exporter.schedules.fit import TOLERANCE, RowFit, fit_rows
from accel_exporter.schedules.trace import Trace, failures_named, trace_scheduler
from accel_runtime.errors import ExportError
from accel_runtime.schedules.file import rest_of
from accel_runtime.schedules.schedule import ScheduleRow, ScheduleTable

NO_OPTIONS: Final[Mapping[str, object]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Spacing:
    """Arguments of `set_timesteps`.

    Attributes:
        steps: Number of steps; for a custom list, its length.
        timesteps: Custom list of timesteps, which few schedulers support.
        sigmas: Custom list of sigmas, which few schedulers support.
    """

    steps: int
    timesteps: Sequence[int] | None = None
    sigmas: Sequence[float] | None = None

    def apply(self, scheduler: SchedulerMixin) -> None:
        """Call `set_timesteps`, as diffusers' `retrieve_timesteps` does."""
        loop = cast("Any", scheduler)
        with failures_named(scheduler, f"set_timesteps({self.steps})"):
            if self.timesteps is not None:
                loop.set_timesteps(timesteps=list(self.timesteps))
            elif self.sigmas is not None:
                loop.set_timesteps(sigmas=list(self.sigmas))
            else:
                loop.set_timesteps(self.steps)


def compile_schedule(
    scheduler: SchedulerMixin,
    name: str,
    *,
    spacing: Spacing | int,
    begin: int = 0,
    step_options: Mapping[str, object] = NO_OPTIONS,
) -> ScheduleTable:
    """The table of ``scheduler``; one row per UNet call, which may be more than steps.

    Args:
        scheduler: The object to compile, not its saved config: pipelines correct their scheduler
            after loading it. It is copied, never changed.
        name: Short name to write into the table.
        spacing: How many steps, or which.
        begin: The first call that is made: 0, or where img2img starts.
        step_options: Further arguments of every `step`, such as ``eta``.

    Raises:
        ExportError: The scheduler is not linear, needs a longer recurrence than we allow, or fails.
    """
    spacing = Spacing(spacing) if isinstance(spacing, int) else spacing
    _refuse_learned_variance(scheduler)
    with quiet():
        return _compiled(scheduler, name, spacing=spacing, begin=begin, step_options=step_options)


def _compiled(
    scheduler: SchedulerMixin, name: str, *, spacing: Spacing, begin: int, step_options: Mapping[str, object]
) -> ScheduleTable:
    loop = cast("Any", copy.deepcopy(scheduler))
    spacing.apply(loop)
    calls = len(loop.timesteps)
    if not 0 <= begin < calls:
        raise ExportError(f"{type(loop).__name__}: {spacing.steps} steps make {calls} calls, none can start at {begin}")
    with failures_named(loop, "add_noise"):
        add_noise = _add_noise_weights(loop, begin)
    if begin and hasattr(loop, "set_begin_index"):
        loop.set_begin_index(begin)
    # Read after set_timesteps: Euler's follows from the sigmas of these very steps.
    sigma = float(getattr(loop, "init_noise_sigma", 1.0))
    timesteps = [float(t) for t in loop.timesteps[begin:]]
    trace = trace_scheduler(loop, begin=begin, step_options=step_options)
    rows = _rows(timesteps, trace, fits=fit_rows(trace.run), add_noise=add_noise)
    return ScheduleTable(name, spacing.steps, begin, sigma, rows)


def order_of(scheduler: SchedulerMixin) -> int:
    """How many calls img2img counts as a step; UnCLIP's scheduler, which no img2img pipeline takes, does not say."""
    return int(getattr(scheduler, "order", 1))


def is_memoryless(scheduler: SchedulerMixin, *, step_options: Mapping[str, object] = NO_OPTIONS) -> bool:
    """Whether a loop that starts in the middle makes the very calls of one that arrives there.

    Tried, not known: at every start of two step counts, one below and one above 15, where DPM-Solver lowers its order.
    """
    compared = [_started_as_arrived(scheduler, steps, step_options) for steps in (6, 17)]
    return any(compared) and False not in compared


def _started_as_arrived(scheduler: SchedulerMixin, steps: int, step_options: Mapping[str, object]) -> bool | None:
    """Whether it holds at every start of ``steps`` steps; None where there is no start to compare."""
    try:
        whole = compile_schedule(scheduler, "", spacing=steps, step_options=step_options)
        starts = [call for call, row in enumerate(whole.rows) if call and row.add_noise is not None]
        pairs = [
            (compile_schedule(scheduler, "", spacing=steps, begin=begin, step_options=step_options), begin)
            for begin in starts
        ]
    except ExportError:  # not so many steps, or not from there
        return None
    return all(_alike(started, rest_of(whole, begin)) for started, begin in pairs) if pairs else None


def _rows(
    timesteps: Sequence[float],
    trace: Trace,
    *,
    fits: Sequence[RowFit],
    add_noise: Mapping[int, tuple[float, float]],
) -> tuple[ScheduleRow, ...]:
    calls = zip(timesteps, trace.input_scales, trace.draws, fits, strict=True)
    return tuple(
        ScheduleRow(t, scale, fit.a, fit.b, c=fit.c, draws=draws, shallow_ok=k > 0, add_noise=add_noise.get(k))
        for k, (t, scale, draws, fit) in enumerate(calls)
    )


def _add_noise_weights(scheduler: Any, begin: int) -> dict[int, tuple[float, float]]:
    """What `add_noise` weighs image and noise with, by row, where a loop may start; only steps' first calls are asked.

    A table that itself starts in the middle has it for its own start alone.
    """
    if not hasattr(scheduler, "add_noise") and not hasattr(scheduler, "scale_noise"):
        return {}
    probe = copy.deepcopy(scheduler)
    image = torch.tensor([1.0, 0.0], dtype=torch.float64)[None]
    starts = (begin,) if begin else range(0, len(scheduler.timesteps), order_of(scheduler))
    found = {}
    for call in starts:
        if hasattr(probe, "set_begin_index"):
            probe.set_begin_index(call)  # as StableDiffusionImg2ImgPipeline does
        weights = _noised(probe, image, scheduler.timesteps[call : call + 1])
        if weights is None:
            return {}
        found[call - begin] = float(weights[0, 0]), float(weights[0, 1])
    return found


def _noised(scheduler: Any, image: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor | None:
    """The image under noise; None from a scheduler that has the method and refuses to do it."""
    try:
        return _noised_by(scheduler, image, timesteps)
    except NotImplementedError:
        return None


def _noised_by(scheduler: Any, image: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
    noise = 1.0 - image
    if hasattr(scheduler, "add_noise"):
        return cast("torch.Tensor", scheduler.add_noise(image, noise, timesteps))
    return cast("torch.Tensor", scheduler.scale_noise(image, timesteps, noise))  # flow matching's name for it


def _refuse_learned_variance(scheduler: SchedulerMixin) -> None:
    # A config may bring along what only other classes read.
    is_read = "variance_type" in inspect.signature(type(scheduler).__init__).parameters
    kind = cast("Any", scheduler).config.get("variance_type")
    if is_read and kind in ("learned", "learned_range"):
        raise ExportError(
            f"{type(scheduler).__name__} takes its variance from the model (variance_type {kind!r}), "
            "so its step is not linear: set variance_type to fixed_small in scheduler_config.json"
        )


def _alike(one: ScheduleTable, other: ScheduleTable) -> bool:
    """Whether two tables do the same, however long the histories are that they carry."""
    return len(one.rows) == len(other.rows) and all(
        a.draws == b.draws and np.allclose(row_weights(a), row_weights(b), rtol=TOLERANCE, atol=TOLERANCE)
        for a, b in zip(one.rows, other.rows, strict=True)
    )


def row_weights(row: ScheduleRow, *, longest: int = 16) -> list[float]:
    """The numbers of a row, timestep first, in places that do not depend on how long its histories are."""
    pad = [(*weights, *(0.0,) * (longest - len(weights))) for weights in (row.a, row.b)]
    return [row.timestep, row.input_scale, row.c, *pad[0], *pad[1]]
