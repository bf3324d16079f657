"""Uncached runs on the calibration's pictures: the only thing that plans with skipped calls are solved from.

A run of n calls leaves the latents x_0 … x_n and the guided noises e_0 … e_{n-1}. Where calls may also be shallow, each
call is repeated on the features of the few calls before it. Nothing here grows with n².
"""

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from accel_bench.solving.walk import State, Walker, walk
from accel_runtime.schedules.schedule import Recurrence

Vectors = NDArray[np.float32]

# Places where an uncached run is disturbed; the gain is smooth between them.
_GAINS: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Teacher:
    """What uncached runs of P pictures with latents of D numbers made.

    Attributes:
        latents: Latents x_0 … x_n. Shape: [n + 1, P, D].
        noises: Guided noise of each call. Shape: [n, P, D].
        shallow: Guided noise of call m where it is shallow, on the feature of call m - 1 - w; zeros where there is no
            such call. Shape: [n, W, P, D], with W = 0 where calls are never shallow.
        gains: Calls, and |change of the final latents| / |disturbance of the latents before that call|.
    """

    latents: Vectors
    noises: Vectors
    shallow: Vectors
    gains: tuple[tuple[int, float], ...]

    @property
    def calls(self) -> int:
        """UNet calls of the schedule."""
        return len(self.noises)

    @property
    def window(self) -> int:
        """How many calls after a deep one a call may be shallow."""
        return int(self.shallow.shape[1])

    def weights(self, *, left: float) -> NDArray[np.float64]:
        """What an error of the latents before each call weighs in the final ones; 1 after the last.

        Args:
            left: Share of an error that stays in a student: its later rows are fitted along its own path, and take back
                the rest.

        Returns:
            Weights. Shape: [n + 1].
        """
        known = [call for call, _ in self.gains]
        logarithms = np.interp(np.arange(self.calls + 1), known, [np.log(left * gain) for _, gain in self.gains])
        weights: NDArray[np.float64] = np.append(np.exp(logarithms)[:-1], 1.0)
        return weights


def join(parts: Sequence[Teacher]) -> Teacher:
    """The runs of several batches as one; the gains are the first one's."""
    return Teacher(
        np.concatenate([part.latents for part in parts], axis=1),
        np.concatenate([part.noises for part in parts], axis=1),
        np.concatenate([part.shallow for part in parts], axis=2),
        parts[0].gains,
    )


def teach(walker: Walker, *, window: int, with_gains: bool) -> Generator[str, None, Teacher]:
    """Run every call deep, yielding what was just done.

    It makes n deep and up to n·``window`` shallow calls a picture, and with the gains about 4·n deep ones more.

    Args:
        walker: One batch, on a schedule that draws no noise.
        window: How many calls after a deep one a call may be shallow.
        with_gains: Whether to measure the gains too; one batch of a calibration is enough.
    """
    state, features = walker.start(), deque[NDArray[np.float32]](maxlen=max(window, 1))
    latents, noises = [_rows(state.latents)], []
    shallow = np.zeros((walker.calls, window, *latents[0].shape), np.float32)
    for call in range(walker.calls):
        for age, feature in enumerate(features if window else ()):
            shallow[call, age] = _rows(walker.shallow_noise(state, feature))
        noise, feature = walker.deep_noise(state)
        features.appendleft(feature)
        state = walker.advance(state, noise, feature=feature)
        latents.append(_rows(state.latents))
        noises.append(_rows(noise))
        yield f"teacher's call {call}"
    teacher = Teacher(np.stack(latents), np.stack(noises), shallow, gains=())
    if not with_gains:
        return teacher
    gains = yield from _measure_gains(walker, teacher)
    return Teacher(teacher.latents, teacher.noises, teacher.shallow, gains)


def _measure_gains(walker: Walker, teacher: Teacher) -> Generator[str, None, tuple[tuple[int, float], ...]]:
    """Disturb the latents before a few calls as a long jump does, and finish the run.

    A trained model corrects latents that are off, and random errors much more than those that jumps make.
    """
    calls, found = teacher.calls, []
    for call in sorted({round(each) for each in np.linspace(min(calls - 1, max(2, calls // 12)), calls - 1, _GAINS)}):
        origin = max(0, call - max(3, calls // 8))
        error = _error_of_jump(teacher, origin, call)
        shape = walker.start().latents.shape
        end = walk(walker, _state(walker, teacher, call=call, error=error.reshape(shape)), walker.plan.calls)
        change = _rows(end.latents) - teacher.latents[-1]
        found.append((call, float(np.linalg.norm(change) / np.linalg.norm(error))))
        yield f"gain at call {call}"
    return tuple(found)


def _error_of_jump(teacher: Teacher, origin: int, target: int) -> Vectors:
    """What one noise cannot explain of the way from one call's latents to another's. Shape: [P, D]."""
    basis = np.stack([teacher.latents[origin].ravel(), teacher.noises[origin].ravel()], axis=1).astype(np.float64)
    wanted = teacher.latents[target].astype(np.float64)
    found, *_ = np.linalg.lstsq(basis, wanted.ravel(), rcond=None)
    error: Vectors = ((basis @ found).reshape(wanted.shape) - wanted).astype(np.float32)
    return error


def _state(walker: Walker, teacher: Teacher, *, call: int, error: Vectors) -> State:
    """The teacher's state before a call, with an error in its latents."""
    row, shape = walker.plan.schedule.rows[0], error.shape
    x = [teacher.latents[call - age].reshape(shape) for age in range(min(len(row.a), call + 1))]
    e = [teacher.noises[call - 1 - age].reshape(shape) for age in range(min(len(row.b) - 1, call))]
    return State(call, Recurrence((x[0] + error, *x[1:]), tuple(e)))


def _rows(array: NDArray[np.float32]) -> Vectors:
    """A row for each picture. Shape: [P, D]."""
    return array.reshape(len(array), -1).copy()
