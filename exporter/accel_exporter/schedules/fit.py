"""The shortest recurrence that makes a given sequence of latents.

Latents are known as coordinate vectors: what x_k is made of, in the basis (x_0, e_0 …, z_0 …). A
recurrence ``x_{k+1} = Σ_j a_j x_{k-j} + Σ_j b_j e_{k-j} + c z_k`` is wanted with as few ``a`` and
``b`` as possible, the same number in every row. It is not unique where histories overlap, so
"smallest" is defined: least ``Hx + He``, then least ``Hx``; and so for every row within the table.

All rows that are tried with the same numbers of terms are solved in one batch.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from accel_runtime.errors import ExportError

TOLERANCE = 1e-9
LONGEST_SUM = 16  # PNDM's Runge-Kutta warm-up needs 1 + 13, everything else at most 10

Vector = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


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
    rows, solver = range(len(run)), _Solver(run)
    for hx, he in _sizes(LONGEST_SUM):
        # The last row has the longest history, so a recurrence that is too short fails there at once.
        if solver.shortest(rows[-1:], hx=hx, he=he):
            found = solver.shortest(rows, hx=hx, he=he)
            if len(found) == len(run):
                return tuple(_padded(found[k], hx=hx, he=he) for k in rows)
    raise ExportError(f"no recurrence with up to {LONGEST_SUM} terms reproduces this scheduler to {TOLERANCE}")


def _sizes(longest: int) -> Iterator[tuple[int, int]]:
    for total in range(2, longest + 1):
        for hx in range(1, total):
            yield hx, total - hx


def _padded(row: RowFit, *, hx: int, he: int) -> RowFit:
    return RowFit(row.a + (0.0,) * (hx - len(row.a)), row.b + (0.0,) * (he - len(row.b)), row.c)


@dataclass(frozen=True, slots=True)
class _Solver:
    """Solves rows of a run in batches, each row at most once with the same numbers of terms."""

    run: LinearRun
    _tried: dict[tuple[int, int], dict[int, RowFit | None]] = field(default_factory=dict)

    def shortest(self, rows: Sequence[int], *, hx: int, he: int) -> dict[int, RowFit]:
        """Those of ``rows`` for which at most ``hx`` and ``he`` terms are enough, each with as few as it needs."""
        found: dict[int, RowFit] = {}
        for few_x, few_e in _sizes(hx + he):
            if few_x <= hx and few_e <= he:
                open_rows = [k for k in rows if k not in found and k + 1 >= max(few_x, few_e)]
                found |= self._exactly(open_rows, hx=few_x, he=few_e)
        return found

    def _exactly(self, rows: Iterable[int], *, hx: int, he: int) -> dict[int, RowFit]:
        """Those of ``rows`` that are made with exactly these terms."""
        tried = self._tried.setdefault((hx, he), {})
        untried = [k for k in rows if k not in tried]
        if untried:
            tried |= zip(untried, _fit_batch(self.run, np.array(untried), hx=hx, he=he), strict=True)
        return {k: row for k in rows if (row := tried[k]) is not None}


def _fit_batch(run: LinearRun, rows: Indices, *, hx: int, he: int) -> Iterator[RowFit | None]:
    """Each of ``rows`` with exactly these terms; None where it misses x_{k+1} by more than the tolerance.

    The coordinates of the e and z in a row are free: their weights take up whatever is left there.
    So only the ``a`` are solved for, over all other coordinates.
    """
    history = run.latents[rows[:, None] - np.arange(hx)]  # [R, Hx, D]
    target = run.latents[rows + 1]  # [R, D]
    noise_pred, draws = np.asarray(run.noise_pred), np.asarray(run.draws)
    free = np.column_stack([noise_pred[rows[:, None] - np.arange(he)], draws[rows]])  # [R, He + 1]
    held, wanted = history.copy(), target.copy()
    np.put_along_axis(held, free[:, None, :], 0.0, axis=2)
    np.put_along_axis(wanted, free, 0.0, axis=1)
    a = _solve(held, wanted)
    missed = np.abs(wanted - _combined(a, held)).max(axis=1)
    fits = missed <= TOLERANCE * np.abs(target).max(axis=1)
    if hx > 1:
        _polish(a, held, wanted, chosen=np.flatnonzero(fits))
    taken = np.take_along_axis(history, free[:, None, :], axis=2)
    b = np.take_along_axis(target, free, axis=1) - _combined(a, taken)
    for is_fit, row_a, row_b in zip(fits.tolist(), a.tolist(), b.tolist(), strict=True):
        yield RowFit(tuple(row_a), tuple(row_b[:-1]), row_b[-1]) if is_fit else None


def _polish(a: Vector, held: Vector, wanted: Vector, *, chosen: Indices) -> None:
    """Solve the rows that stay once more, each alone, in place.

    Histories are nearly parallel, so two good methods differ by 3e-12 here; this one's digits are those of every table
    made so far.
    """
    for row in chosen.tolist():
        a[row] = np.linalg.lstsq(held[row].T, wanted[row], rcond=None)[0]


def _combined(a: Vector, vectors: Vector) -> Vector:
    """``Σ_j a[r, j] · vectors[r, j]`` for every row r."""
    return np.asarray((a[:, None, :] @ vectors)[:, 0], np.float64)


def _solve(held: Vector, wanted: Vector) -> Vector:
    """The ``a`` [R, Hx] that minimise ``|a[r] @ held[r] - wanted[r]|``; the smallest ones where several do."""
    if held.shape[1] > 1:
        return _solve_by_singular_values(held, wanted)
    only = held[:, 0]
    square = (only * only).sum(axis=1)
    # Nothing but free coordinates in x_k, as after a step that keeps only the model output.
    empty = square == 0.0
    return np.asarray(np.where(empty, 0.0, (only * wanted).sum(axis=1) / np.where(empty, 1.0, square))[:, None])


def _solve_by_singular_values(held: Vector, wanted: Vector) -> Vector:
    """As `numpy.linalg.lstsq` solves one row: what histories that overlap leave open is as small as it can be."""
    u, singular, vt = np.linalg.svd(held, full_matrices=False)
    cut = np.finfo(np.float64).eps * max(held.shape[1:]) * singular[:, :1]
    inverse = np.where(singular > cut, 1.0 / np.where(singular > cut, singular, 1.0), 0.0)
    along = (vt @ wanted[:, :, None])[:, :, 0] * inverse
    return np.asarray((u @ along[:, :, None])[:, :, 0], np.float64)
