"""How much an error at one call weighs in the final latents when the model answers it.

`accel_bench.search.impulse` holds the model's later outputs fixed. A trained model does not hold still: it sees latents
that are off and corrects them, early errors most. The schedule's own weights overstate those by an order of magnitude,
and plans solved with them crowd at the start. Here the error is put into a run and the run is finished.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from accel_bench.search.drift import Drift, Trajectory
from accel_bench.search.walk import Walker, walk

_AGE = 3  # an error like those that plans make: of a feature three calls old


def measure_response(
    walker: Walker, trajectory: Trajectory, *, drift: Drift, calls: Sequence[int]
) -> Iterator[tuple[int, float]]:
    """Disturb an uncached run at one call, finish it, and yield the call and its gain.

    Args:
        walker: That made the trajectory.
        trajectory: Of an uncached run.
        drift: Of the same batch alone; says how large an error is and which way it points.
        calls: Where to measure, each 1 or later; all calls after it run deep.

    Yields:
        The call, and |change of the final latents| / |error of its noise|.
    """
    final = trajectory.states[-1].latents
    for call in calls:
        error = drift.errors[call, max(0, call - _AGE)].reshape(final.shape)
        noise = trajectory.noises[call] + error
        disturbed = walker.advance(trajectory.states[call], noise, feature=trajectory.features[call])
        change = walk(walker, disturbed, forecast={}).latents - final
        yield call, float(np.linalg.norm(change) / np.linalg.norm(error))


def sample_calls(calls: int, count: int) -> tuple[int, ...]:
    """Up to ``count`` evenly spread calls, from call 1 to the one before the last.

    >>> sample_calls(20, 4)
    (1, 7, 12, 18)
    """
    return tuple(sorted({round(call) for call in np.linspace(1, max(1, calls - 2), count)}))


def weigh(impulse: NDArray[np.float64], measured: Sequence[tuple[int, float]]) -> NDArray[np.float64]:
    """The schedule's weights, scaled to the measured gains.

    Between measured calls the ratio of gain and weight is interpolated in its logarithm. At the last call it is 1, as
    no model comes after it.

    Args:
        impulse: Of `impulse_response`. Shape: [calls].
        measured: Calls and gains, ascending.

    Returns:
        Signed weights. Shape: [calls].
    """
    last = len(impulse) - 1
    known = [*measured, (last, abs(impulse[last]))]
    ratios = [np.log(gain / abs(impulse[call])) for call, gain in known]
    weights: NDArray[np.float64] = impulse * np.exp(np.interp(np.arange(last + 1), [call for call, _ in known], ratios))
    return weights
