"""The calibration pass: all that solving plans for one model, scheduler and guidance needs.

**Drift** says how the guided noise of every call changes when older deep features are put in. Along an uncached run,
call m is repeated as a shallow call on the feature of each earlier call j::

    g[m, j] = shallow(x_m, f_j) - deep(x_m)

The shallow pass is smooth, so for weights w that sum to 1 the noise made from a *forecast* is off by about
Σ_j w_j · g[m, j]. One pass thus prices every forecast of every plan, with direction: errors may add up or cancel as
they do in a run.

**Weights** say how much an error at one call changes the final latents. `impulse_response` computes them from the
schedule alone and holds the model's later outputs fixed. A trained model does not hold still: it sees latents that are
off and corrects them, early errors most. The schedule's own weights overstate those by an order of magnitude, and
plans solved with them crowd at the start. `measure_response` therefore puts an error into a run and finishes the run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from accel_bench.solving.walk import State, Walker, walk
from accel_runtime.backends.base import Array
from accel_runtime.schedules.schedule import ScheduleTable

Vectors = NDArray[np.float32]

# Places where a run is disturbed; the gain is smooth between them.
_RESPONSES = 8
_AGE = 3  # an error like those that plans make: of a feature three calls old


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """An uncached run.

    Attributes:
        states: State before each call, and after the last.
        noises: Guided noise of each call. Shape of each: [B, C, h, w].
        features: Feature of each call.
    """

    states: tuple[State, ...]
    noises: tuple[Array, ...]
    features: tuple[Array, ...]


def record(walker: Walker) -> Trajectory:
    """Run every call deep and keep what it made."""
    states, noises, features = [walker.start()], [], []
    for _ in range(walker.calls):
        noise, feature = walker.deep_noise(states[-1])
        states.append(walker.advance(states[-1], noise, feature=feature))
        noises.append(noise)
        features.append(feature)
    return Trajectory(tuple(states), tuple(noises), tuple(features))


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """``g`` of this module's docstring, as vectors.

    Attributes:
        errors: Error of call m with the feature of call j; 0 where j ≥ m. Shape: [calls, calls, B·C·h·w].
    """

    errors: Vectors

    @property
    def calls(self) -> int:
        """UNet calls of the schedule."""
        return len(self.errors)

    def of(self, call: int, nodes: Sequence[int], *, weights: Sequence[float]) -> Vectors:
        """The error of the noise at ``call`` when its feature is a weighted sum of those of the calls ``nodes``."""
        mixed: Vectors = np.tensordot(np.asarray(weights, np.float32), self.errors[call, list(nodes)], axes=1)
        return mixed


def measure_drift(walker: Walker, trajectory: Trajectory, *, errors: Vectors) -> Iterator[int]:
    """Fill ``errors`` call by call, yielding the call; see `Drift`.

    Args:
        walker: Walker that made the trajectory.
        trajectory: Trajectory of an uncached run.
        errors: Array to fill for this batch. Shape: [calls, calls, B·C·h·w].
    """
    for call in range(1, walker.calls):
        for node in range(call):
            noise = walker.shallow_noise(trajectory.states[call], trajectory.features[node])
            errors[call, node] = (noise - trajectory.noises[call]).ravel()
        yield call


def merge(parts: Sequence[Drift]) -> Drift:
    """The drift of several batches as one."""
    return Drift(np.concatenate([part.errors for part in parts], axis=2))


def measure_response(
    walker: Walker, trajectory: Trajectory, *, drift: Drift, calls: Sequence[int]
) -> Iterator[tuple[int, float]]:
    """Disturb an uncached run at one call, finish it, and yield the call and its gain.

    Args:
        walker: Walker that made the trajectory.
        trajectory: Trajectory of an uncached run.
        drift: Drift of the same batch alone, which gives the size and direction of errors.
        calls: Calls to measure at, each 1 or later; all calls after it run deep.

    Yields:
        The call, and |change of the final latents| / |error of its noise|.
    """
    final = trajectory.states[-1].latents
    for call in calls:
        error = drift.errors[call, max(0, call - _AGE)].reshape(final.shape)
        noise = trajectory.noises[call] + error
        disturbed = walker.advance(trajectory.states[call], noise, feature=trajectory.features[call])
        change = walk(walker, disturbed, walker.plan.calls).latents - final
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
        impulse: Result of `impulse_response`. Shape: [calls].
        measured: Calls and gains, ascending.

    Returns:
        Signed weights. Shape: [calls].
    """
    last = len(impulse) - 1
    known = [*measured, (last, abs(impulse[last]))]
    ratios = [np.log(gain / abs(impulse[call])) for call, gain in known]
    weights: NDArray[np.float64] = impulse * np.exp(np.interp(np.arange(last + 1), [call for call, _ in known], ratios))
    return weights


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


@dataclass(eq=False)
class Calibration:
    """Collects what `calibrate` measures; complete once it has ended.

    Attributes:
        schedule: Schedule whose calls are measured.
        parts: Drift of each batch.
        gains: Calls, and the gain of an error there until the end.
    """

    schedule: ScheduleTable
    parts: list[Drift] = field(default_factory=list)
    gains: list[tuple[int, float]] = field(default_factory=list)

    @property
    def drift(self) -> Drift:
        """Drift of all batches."""
        return merge(self.parts)

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weight of an error at each call in the final latents. Shape: [calls]."""
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
