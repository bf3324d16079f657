"""The law of a pipeline's own scheduler, for one config: our picture is diffusers', or there is one line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tests.robustness.toy_pipeline import Latents, drawn_by_diffusers, drawn_by_us

from accel_exporter.schedules import compile_schedule, own_name, scheduler_for, step_options
from accel_exporter.schedules.own import load_own, refuse_undriven
from accel_runtime.errors import AccelError
from accel_runtime.schedules.schedule import ScheduleTable

ALIKE = 1e-4
# With cosine betas a loop starts at sigmas of 20,000: float32 keeps three digits of what is left at the end.
ROUNDINGS = 10


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one config.

    Attributes:
        error: Largest difference of the final latents, over the largest of diffusers'; None where there is no table.
        rounding: By how much diffusers in float32 differs from itself in float64; asked where the error is not small.
        refused: The line; None where there is a table.
        fails: Why diffusers itself draws nothing; None where it does.
    """

    error: float | None = None
    rounding: float = 0.0
    refused: str | None = None
    fails: str | None = None

    @property
    def holds(self) -> bool:
        """Whether the law does."""
        if self.refused is not None:
            return "\n" not in self.refused
        return self.fails is None and self.error is not None and self.error <= max(ALIKE, ROUNDINGS * self.rounding)


def judge(config: Mapping[str, Any], steps: int) -> Verdict:
    """Hold what an export makes of a scheduler's config against diffusers' own pipeline."""
    try:
        table = own_table(config, steps)
    except AccelError as refusal:
        return Verdict(refused=str(refusal))
    theirs = _theirs(config, steps)
    if isinstance(theirs, str):
        return Verdict(fails=theirs)
    error = _difference(drawn_by_us(table), theirs)
    if error <= ALIKE:
        return Verdict(error)
    return Verdict(error, rounding=_difference(drawn_by_diffusers(config, steps, dtype=torch.float64), theirs))


def own_table(config: Mapping[str, Any], steps: int) -> ScheduleTable:
    """The table that runs without `--scheduler`."""
    refuse_undriven(load_own(config))
    name = own_name(config)
    scheduler = scheduler_for(name, config)
    return compile_schedule(scheduler, name, spacing=steps, step_options=step_options(name, scheduler))


def _difference(one: Latents, other: Latents) -> float:
    return float(np.abs(one - other).max() / np.abs(other).max())


def _theirs(config: Mapping[str, Any], steps: int) -> Latents | str:
    """Their latents, or why there are none."""
    try:
        drawn = drawn_by_diffusers(config, steps)
    except Exception as error:  # noqa: BLE001 - whatever a user of diffusers meets
        return f"{type(error).__name__}: {error}"
    return drawn if np.isfinite(drawn).all() else "NaN or infinity"
