"""How much an error at one call weighs in the final latents, from the compiled schedule alone."""

import numpy as np
from numpy.typing import NDArray

from accel_runtime.schedule import ScheduleTable


def impulse_response(schedule: ScheduleTable) -> NDArray[np.float64]:
    """What the final latents gain when the guided noise of call k alone grows by 1, for each k.

    The whole recurrence is run with its histories, so a multistep scheduler's later use of an old output counts. The
    model does not answer here: its outputs at later calls are those of the undisturbed run.

    Returns:
        Signed weights. Shape: [calls].
    """
    return np.array([_run(schedule, disturbed=call) for call in range(len(schedule.rows))])


def _run(schedule: ScheduleTable, *, disturbed: int) -> float:
    x, e = [0.0], [0.0]
    for index, row in enumerate(schedule.rows):
        e = [1.0 if index == disturbed else 0.0, *e][: len(row.b)]
        following = _dot(row.a, x) + _dot(row.b, e)
        x = [following, *x][: len(row.a)]
    return x[0]


def _dot(weights: tuple[float, ...], values: list[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, values, strict=False))
