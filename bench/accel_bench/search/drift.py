"""One calibration pass: how the guided noise of every call drifts when older deep features are put in.

Along an uncached run, call m is repeated as a shallow call on the feature of each earlier call j::

    g[m, j] = shallow(x_m, f_j) - deep(x_m)

The shallow pass is smooth, so for weights w that sum to 1 the noise made from a *forecast* is off by about
Σ_j w_j · g[m, j]. One pass thus prices every forecast of every plan, with direction: errors may add up or cancel as
they do in a run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_bench.search.walk import State, Walker
from accel_runtime.backends.base import Array

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """An uncached run.

    Attributes:
        states: Before each call, and after the last.
        noises: Guided, of each call. Shape of each: [B, C, h, w].
        features: Of each call.
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
    """``g`` of the module's text, as vectors.

    Attributes:
        errors: Of call m on the feature of call j; 0 where j ≥ m. Shape: [calls, calls, B·C·h·w].
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
        walker: That made the trajectory.
        trajectory: Of an uncached run.
        errors: Of this batch. Shape: [calls, calls, B·C·h·w].
    """
    for call in range(1, walker.calls):
        for node in range(call):
            noise = walker.shallow_noise(trajectory.states[call], trajectory.features[node])
            errors[call, node] = (noise - trajectory.noises[call]).ravel()
        yield call


def merge(parts: Sequence[Drift]) -> Drift:
    """The drift of several batches as one."""
    return Drift(np.concatenate([part.errors for part in parts], axis=2))
