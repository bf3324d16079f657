"""One schedule table out of one diffusers scheduler."""

import copy
import math
from typing import Any, cast

import torch
from diffusers import SchedulerMixin

from accel_exporter.schedules.fit import fit_rows
from accel_exporter.schedules.trace import failures_named, trace_scheduler
from accel_runtime.schedule import ScheduleRow, ScheduleTable


def compile_schedule(scheduler: SchedulerMixin, name: str, *, steps: int) -> ScheduleTable:
    """The table of ``scheduler`` for ``steps`` steps from pure noise.

    Args:
        scheduler: The object to compile, not its saved config: pipelines correct their scheduler
            after loading it. It is copied, never changed.
        name: Short name to write into the table.
        steps: What `set_timesteps` is given. There is one row per UNet call, which may be more.

    Raises:
        ExportError: The scheduler is not linear, needs a longer recurrence than we allow, or fails.
    """
    loop = cast("Any", copy.deepcopy(scheduler))
    with failures_named(loop, f"set_timesteps({steps})"):
        loop.set_timesteps(steps)
        add_noise = _add_noise_weights(loop)
    trace = trace_scheduler(loop)
    calls = zip(loop.timesteps, trace.input_scales, trace.draws, fit_rows(trace.run), strict=True)
    rows = tuple(
        ScheduleRow(float(t), scale, fit.a, fit.b, c=fit.c, draws=draws, shallow_ok=k > 0)
        for k, (t, scale, draws, fit) in enumerate(calls)
    )
    # Read after set_timesteps: Euler's follows from the sigmas of these very steps.
    return ScheduleTable(name, steps, 0, float(loop.init_noise_sigma), add_noise, rows)


def _add_noise_weights(scheduler: Any) -> tuple[float, float]:
    """What `add_noise` at the first timestep weighs image and noise with; NaN where there is none."""
    if not hasattr(scheduler, "add_noise"):
        return math.nan, math.nan
    probe = copy.deepcopy(scheduler)
    if hasattr(probe, "set_begin_index"):
        probe.set_begin_index(0)  # as StableDiffusionImg2ImgPipeline does
    image = torch.tensor([1.0, 0.0], dtype=torch.float64)[None]
    weights = probe.add_noise(image, 1.0 - image, scheduler.timesteps[:1])
    return float(weights[0, 0]), float(weights[0, 1])
