"""Runs the calls that are left, and fits the row of each along its own path.

The row of a call leads from its latents x and the noises e of the last calls that ran to the latents that the teacher
has before the next call that runs. It is fitted on what the student itself has arrived at, so every row also takes back
some of the drift of those before it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np

from accel_bench.solving.placement import Placement
from accel_bench.solving.prices import Floats
from accel_bench.solving.teacher import Vectors
from accel_bench.solving.walk import State, Walker
from accel_runtime.backends.base import Array
from accel_runtime.plans.solved import SolvedRow
from accel_runtime.schedules.schedule import Recurrence

# Noises that a row weighs. Two lose up to 1 dB, four gain 0.1 dB.
HISTORY: Final = 3
# Rows are kept in as many digits; float32 has seven.
_DIGITS: Final = 9

Rows = Mapping[int, SolvedRow]


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """What a row may combine: everything that the student knows at a call that has just run.

    Attributes:
        latents: The student's latents before the call. Shape: [P, D].
        noises: Guided noises of this call and of those that ran before it, newest first. Shape of each: [P, D].
    """

    latents: Vectors
    noises: tuple[Vectors, ...]


# Makes the row that leads from the past to wanted latents [P, D].
Predictor = Callable[[Past, Vectors], SolvedRow]


@dataclass(frozen=True, slots=True, eq=False)
class Position:
    """Where a student stands before a call, or after it and before its row.

    Attributes:
        latents: Latents of each batch. Shape of each: [B, C, h, w].
        noises: Noises of the last calls that ran, newest first, each of every batch.
        features: Feature of the last deep call, of each batch.
    """

    latents: tuple[Array, ...]
    noises: tuple[tuple[Array, ...], ...] = ()
    features: tuple[Array, ...] = ()

    @property
    def past(self) -> Past:
        """All batches as one."""
        return Past(_joined(self.latents), tuple(map(_joined, self.noises)))


@dataclass(frozen=True, slots=True, eq=False)
class Student:
    """Runs placements on some batches.

    Attributes:
        walkers: One for each batch.
    """

    walkers: tuple[Walker, ...]

    def start(self) -> Position:
        """Before the first call."""
        return Position(tuple(walker.start().latents for walker in self.walkers))

    def run_call(self, position: Position, call: int, *, deep: bool) -> Position:
        """The position after a call: with its noise, and its feature where it is deep."""
        states = [State(call, Recurrence((latents,))) for latents in position.latents]
        pairs = zip(self.walkers, states, strict=True)
        if deep:
            made = [walker.deep_noise(state) for walker, state in pairs]
            noises, features = (tuple(each[part] for each in made) for part in (0, 1))
        else:
            features = position.features
            noises = tuple(
                walker.shallow_noise(state, feature) for (walker, state), feature in zip(pairs, features, strict=True)
            )
        return Position(position.latents, (noises, *position.noises)[:HISTORY], features)

    def jump(self, position: Position, call: int, *, row: SolvedRow) -> Position:
        """The position before the next call that runs, computed as the runtime does."""
        rows = [walker.plan.schedule.rows[call] for walker in self.walkers]
        solved = [msgspec.structs.replace(each, a=row.a, b=row.b, c=0.0, draws=0) for each in rows]
        latents = tuple(
            Recurrence((x,), tuple(each[batch] for each in position.noises[1:]))
            .advance(solved[batch], position.noises[0][batch])
            .latents
            for batch, x in enumerate(position.latents)
        )
        return replace(position, latents=latents)

    def fit(self, placement: Placement, latents: Vectors, *, predictor: Predictor) -> tuple[Rows, Vectors]:
        """Fit the rows of a placement, call after call.

        Args:
            placement: The calls that run.
            latents: The teacher's latents of these batches. Shape: [n + 1, P, D].
            predictor: Makes each row.

        Returns:
            The rows, and the final latents. Shape: [P, D].
        """
        position, rows = self.start(), dict[int, SolvedRow]()
        for call, following in following_calls(placement, calls=len(latents) - 1):
            position = self.run_call(position, call, deep=call in placement.deep)
            rows[call] = predictor(position.past, latents[following])
            position = self.jump(position, call, row=rows[call])
        return rows, position.past.latents

    def run(self, placement: Placement, rows: Rows) -> Vectors:
        """The final latents. Shape: [P, D]."""
        return self.finish(placement, rows, position=self.start(), first=0)

    def finish(self, placement: Placement, rows: Rows, *, position: Position, first: int) -> Vectors:
        """The final latents of a run that goes on with the ``first`` of the calls that run. Shape: [P, D]."""
        for call in placement.running[first:]:
            position = self.run_call(position, call, deep=call in placement.deep)
            position = self.jump(position, call, row=rows[call])
        return position.past.latents


def following_calls(placement: Placement, *, calls: int) -> Iterator[tuple[int, int]]:
    """Every call that runs, and the next that does, or the number of calls."""
    running = placement.running
    return zip(running, (*running[1:], calls), strict=True)


def differences(past: Past) -> tuple[Vectors, ...]:
    """The basis that rows are fitted in: latents, newest noise, and how the older noises differ from it.

    Latents and newest noise alone make a first-order jump, which needs no ridge; the differences are its corrections.
    """
    newest = past.noises[0]
    return past.latents, newest, *(newest - older for older in past.noises[1:])


def row_of(weights: Sequence[float]) -> SolvedRow:
    """The row of weights in the basis of `differences`."""
    first, newest, *older = (float(weight) for weight in weights)
    return SolvedRow(
        a=(_rounded(first),), b=tuple(_rounded(each) for each in (newest + sum(older), *(-w for w in older)))
    )


def weights_of(row: SolvedRow) -> tuple[float, ...]:
    """The weights of a row in the basis of `differences`.

    >>> weights_of(row_of((0.5, 2.0, 0.25)))
    (0.5, 2.0, 0.25)
    """
    return row.a[0], sum(row.b), *(-weight for weight in row.b[1:])


def ridge(strength: float) -> Predictor:
    """Least squares that hold the corrections small.

    Args:
        strength: Penalty of a squared correction, relative to the newest noise's square.
    """

    def predict(past: Past, wanted: Vectors) -> SolvedRow:
        basis = np.stack([each.ravel() for each in differences(past)]).astype(np.float64)
        normal: Floats = basis @ basis.T
        penalty = np.full(len(basis), strength * normal[1, 1])
        penalty[:2] = 0.0
        # Latents and noise are nearly parallel at the end of a run.
        ridged = normal + np.diag(penalty + 1e-9 * np.diag(normal))
        return row_of(np.linalg.solve(ridged, basis @ wanted.ravel().astype(np.float64)).tolist())

    return predict


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _joined(batches: tuple[Array, ...]) -> Vectors:
    return np.concatenate([batch.reshape(len(batch), -1) for batch in batches])
