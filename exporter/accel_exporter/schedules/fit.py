"""The shortest recurrence that makes a given sequence of latents.

Latents are known as coordinate vectors: what x_k is made of, in the basis (x_0, e_0 …, z_0 …). A
recurrence ``x_{k+1} = Σ_j a_j x_{k-j} + Σ_j b_j e_{k-j} + c z_k`` is wanted with as few ``a`` and
``b`` as possible, the same number in every row. It is not unique where histories overlap, so
"smallest" is defined: least ``Hx + He``, then least ``Hx``; and so for every row within the table.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accel_runtime.errors import ExportError

TOLERANCE = 1e-9
LONGEST_SUM = 16  # PNDM's Runge-Kutta warm-up needs 1 + 13, everything else at most 10

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LinearRun:
    """What a scheduler made of the basis vectors.

    Attributes:
        latents: ``[K + 1, D]``: coordinates of x_0 … x_K.
        noise_pred: Coordinate number of e_k, for each of the K calls.
        draws: Coordinate number of z_k, for each of the K calls.
    """

    latents: Vector
    noise_pred: Sequence[int]
    draws: Sequence[int]

    def __len__(self) -> int:
        return len(self.noise_pred)


@dataclass(frozen=True)
class RowFit:
    """Weights of one row; ``a`` and ``b`` newest first."""

    a: tuple[float, ...]
    b: tuple[float, ...]
    c: float


def fit_rows(run: LinearRun) -> tuple[RowFit, ...]:
    """The shortest recurrence for ``run``; all rows have equally many ``a``, and equally many ``b``.

    Raises:
        ExportError: None with ``Hx + He`` up to 16 reproduces the run to 1e-9.
    """
    # The last rows have the longest history, so a recurrence that is too short fails there at once.
    backwards = range(len(run) - 1, -1, -1)
    for hx, he in _sizes(LONGEST_SUM):
        rows = []
        for k in backwards:
            row = _shortest_row(run, k, hx=hx, he=he)
            if row is None:
                break
            rows.append(row)
        else:
            return tuple(reversed(rows))
    raise ExportError(f"no recurrence with up to {LONGEST_SUM} terms reproduces this scheduler to {TOLERANCE}")


def _sizes(longest: int) -> Iterator[tuple[int, int]]:
    for total in range(2, longest + 1):
        for hx in range(1, total):
            yield hx, total - hx


def _shortest_row(run: LinearRun, k: int, *, hx: int, he: int) -> RowFit | None:
    """Row ``k`` with at most ``hx`` and ``he`` terms, filled up with zeros; None if that is too few."""
    for few_x, few_e in _sizes(hx + he):
        if few_x <= min(hx, k + 1) and few_e <= min(he, k + 1):
            row = _fit_row(run, k, hx=few_x, he=few_e)
            if row is not None:
                return RowFit(row.a + (0.0,) * (hx - few_x), row.b + (0.0,) * (he - few_e), row.c)
    return None


def _fit_row(run: LinearRun, k: int, *, hx: int, he: int) -> RowFit | None:
    """Row ``k`` with exactly these terms; None if it misses x_{k+1} by more than the tolerance.

    The coordinates of the e and z in the row are free: their weights take up whatever is left there.
    So only the ``a`` are solved for, over all other coordinates.
    """
    history = run.latents[k - hx + 1 : k + 1][::-1]
    target = run.latents[k + 1]
    free = [*run.noise_pred[k - he + 1 : k + 1][::-1], run.draws[k]]
    held, wanted = history.copy(), target.copy()
    held[:, free] = 0.0
    wanted[free] = 0.0
    a = _solve(held, wanted)
    if np.abs(wanted - a @ held).max() > TOLERANCE * np.abs(target).max():
        return None
    *b, c = (target[free] - a @ history[:, free]).tolist()
    return RowFit(tuple(a.tolist()), tuple(b), c)


def _solve(held: Vector, wanted: Vector) -> Vector:
    """The ``a`` that minimises ``|a @ held - wanted|``."""
    if len(held) > 1:
        return np.asarray(np.linalg.lstsq(held.T, wanted, rcond=None)[0], np.float64)
    square = held[0] @ held[0]
    # Nothing but free coordinates in x_k, as after a step that keeps only the model output.
    return np.atleast_1d(held[0] @ wanted / square if square else 0.0)
