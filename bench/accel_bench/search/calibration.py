"""The calibration pass: all that solving plans for one model, scheduler and guidance needs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from accel_bench.search.drift import Drift, measure_drift, merge, record
from accel_bench.search.impulse import impulse_response
from accel_bench.search.response import measure_response, sample_calls, weigh
from accel_bench.search.walk import Walker
from accel_runtime.schedule import ScheduleTable

# Places where a run is disturbed; the gain is smooth between them.
_RESPONSES = 8


@dataclass(eq=False)
class Calibration:
    """Collects what `calibrate` measures; complete once it has ended.

    Attributes:
        schedule: Whose calls are measured.
        parts: Drift of each batch.
        gains: Calls, and what an error there gains until the end.
    """

    schedule: ScheduleTable
    parts: list[Drift] = field(default_factory=list)
    gains: list[tuple[int, float]] = field(default_factory=list)

    @property
    def drift(self) -> Drift:
        """Of all batches."""
        return merge(self.parts)

    @property
    def weights(self) -> NDArray[np.float64]:
        """What an error at each call weighs in the final latents. Shape: [calls]."""
        return weigh(impulse_response(self.schedule), self.gains)


def calibrate(walkers: Sequence[Walker], calibration: Calibration) -> Iterator[str]:
    """Run the pass, yielding what was just done.

    It makes n deep calls and n·(n-1)/2 shallow ones per picture, and about 4·n deep ones more for each picture of the
    first batch, with n UNet calls in the schedule. One batch's features are in memory at a time: for Stable Diffusion
    1.5 in float32, 50 calls, branch 0, 524 MB a guided picture; its drift stays, 164 MB a picture.

    Args:
        walkers: One per batch, all of one size and plan.
        calibration: Filled as the iterator goes.
    """
    for walker in walkers:
        trajectory = record(walker)
        size = walker.calls, walker.calls, trajectory.noises[0].size
        part = Drift(np.zeros(size, np.float32))
        for call in measure_drift(walker, trajectory, errors=part.errors):
            yield f"drift of call {call}"
        if not calibration.gains:
            calls = sample_calls(walker.calls, _RESPONSES)
            for call, gain in measure_response(walker, trajectory, drift=part, calls=calls):
                calibration.gains.append((call, gain))
                yield f"response to call {call}"
        calibration.parts.append(part)
