"""Makes a placement better on real outcomes: calls are moved, then all rows are refined on the final latents.

Prices assume that jumps start where the teacher is. Both steps here look at what the student really ends with.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from accel_bench.solving.placement import Placement
from accel_bench.solving.prices import Floats
from accel_bench.solving.student import Position, Predictor, Rows, Student, differences, row_of, weights_of
from accel_bench.solving.teacher import Vectors

# A changed weight moves the latents by this share of their size: small enough for a linear answer, far above rounding.
_PROBE: Final = 0.005
# Damping of a step, relative to each weight's own square.
_DAMPING: Final = (1e-1, 1e-2, 1e-3, 1e-4)
_STEPS: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A student and the teacher's latents of the same pictures.

    Attributes:
        student: Runs the pictures.
        latents: Teacher's latents. Shape: [n + 1, P, D].
    """

    student: Student
    latents: Vectors

    def error(self, final: Vectors) -> float:
        """Mean squared error of final latents [P, D]."""
        return float(np.mean(np.square(final - self.latents[-1], dtype=np.float64)))

    def fit(self, placement: Placement, predictor: Predictor) -> tuple[Rows, float]:
        """The rows of a placement, and the error that is left."""
        rows, final = self.student.fit(placement, self.latents, predictor=predictor)
        return rows, self.error(final)

    def judge(self, placement: Placement, rows: Rows) -> float:
        """The error of rows."""
        return self.error(self.student.run(placement, rows))


def climb(
    placement: Placement, fitted: Sample, *, predictor: Predictor, moves: int
) -> Generator[str, None, tuple[Placement, Rows]]:
    """Move one call at a time by one, wherever that helps, yielding what was just done.

    Args:
        placement: First placement.
        fitted: Pictures that rows are fitted and judged on.
        predictor: Fits rows.
        moves: Most placements to run besides the first.
    """
    rows, error = fitted.fit(placement, predictor)
    seen, going = {placement}, True
    while going:
        going = False
        for moved in placement.moved(len(fitted.latents) - 1):
            if moved in seen or len(seen) > moves:
                continue
            seen.add(moved)
            new_rows, new_error = fitted.fit(moved, predictor)
            yield f"move {len(seen) - 1}"
            if new_error < error:
                placement, rows, error, going = moved, new_rows, new_error, True
                break
    return placement, rows


def refine(placement: Placement, rows: Rows, *, fitted: Sample, held: Sample) -> Generator[str, None, Rows]:
    """Refine all rows on the final latents (Gauss-Newton, damped as Levenberg and Marquardt do), yielding progress.

    Args:
        placement: The calls that run.
        rows: Their rows.
        fitted: Pictures that steps are computed from.
        held: Pictures that choose each step's damping, and whether to take it at all.
    """
    best = held.judge(placement, rows)
    for step in range(_STEPS):
        student = fitted.student
        final, columns = student.run(placement, rows), []
        for number, column in enumerate(_answers(placement, rows, student=student, final=final)):
            columns.append(column)
            yield f"refinement {step + 1}: weight {number + 1}"
        jacobian = np.stack(columns).astype(np.float64)  # [weights, P·D]
        left = (fitted.latents[-1] - final).ravel().astype(np.float64)
        tried = [_stepped(rows, _solve(jacobian, left, damping=damping)) for damping in _DAMPING]
        errors = [held.judge(placement, each) for each in tried]
        if min(errors) >= best:
            break
        rows, best = tried[errors.index(min(errors))], min(errors)
    return rows


def _answers(placement: Placement, rows: Rows, *, student: Student, final: Vectors) -> Iterator[Vectors]:
    """How the final latents change with each weight of each row, in the basis of `differences`. Shape: [P·D]."""
    position = student.start()
    for number, call in enumerate(placement.running):
        position = student.run_call(position, call, deep=call in placement.deep)
        after = student.jump(position, call, row=rows[call])
        for basis in differences(position.past):
            size = _PROBE * float(np.linalg.norm(final)) / max(float(np.linalg.norm(basis)), 1e-12)
            probed = _shifted(after, size * basis)
            end = student.finish(placement, rows, position=probed, first=number + 1)
            yield ((end - final) / np.float32(size)).ravel()
        position = after


def _shifted(position: Position, change: Vectors) -> Position:
    """The position with its latents moved by ``change`` [P, D]."""
    ends = np.cumsum([len(each) for each in position.latents])[:-1]
    parts = zip(position.latents, np.split(change, ends), strict=True)
    return replace(position, latents=tuple(each + part.reshape(each.shape).astype(np.float32) for each, part in parts))


def _solve(jacobian: Floats, left: Floats, *, damping: float) -> Floats:
    normal = jacobian @ jacobian.T
    damped = normal + damping * np.diag(np.diag(normal)) + 1e-12 * np.trace(normal) * np.eye(len(normal))
    found: Floats = np.linalg.solve(damped, jacobian @ left)
    return found


def _stepped(rows: Rows, change: Floats) -> Rows:
    """The rows with ``change`` added to their weights, in order."""
    at, new = 0, {}
    for call, row in rows.items():
        weights = np.array(weights_of(row))
        new[call] = row_of((weights + change[at : at + len(weights)]).tolist())
        at += len(weights)
    return new
