"""Forecast strengths fitted to the final latents, with the plan in place."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from accel_bench.search.outcomes import Forecasts, Outcomes, mean_error

Strengths = Mapping[int, float]

_NUDGE = 0.25  # in strength: 0 holds, 1 is linear
_STEPS = (1.0, 0.5, 0.25)  # of the step that the linear model proposes


def fit_strengths(
    outcomes: Sequence[Outcomes],
    strengths: Strengths,
    *,
    forecast: Callable[[Strengths], Forecasts],
    groups: Sequence[Sequence[int]],
    ridge: float = 0.02,
) -> Iterator[tuple[Strengths, float]]:
    """Gauss-Newton on real runs: yield ever better strengths with their error, the given ones first; ends at no gain.

    Each group of calls shares a change of strength. It is nudged, the run repeated from there on, and the change of the
    final latents is a column of the Jacobian; the regularised step is shortened until a real run gets better.

    Args:
        outcomes: Batches to fit on.
        strengths: Of shallow calls, to begin with.
        forecast: Makes weights of strengths.
        groups: Calls that change together, such as those of one segment; fewer groups cost less and fit noise less.
        ridge: Weight of the penalty on the step, as a share of the mean curvature.
    """
    error = mean_error(outcomes, forecast(strengths))
    yield strengths, error
    while True:
        step = _step(outcomes, strengths, forecast=forecast, groups=groups, ridge=ridge)
        for share in _STEPS:
            trial = _moved(strengths, groups, step * share)
            if (found := mean_error(outcomes, forecast(trial))) < error:
                strengths, error = trial, found
                yield strengths, error
                break
        else:
            return


def _step(
    outcomes: Sequence[Outcomes],
    strengths: Strengths,
    *,
    forecast: Callable[[Strengths], Forecasts],
    groups: Sequence[Sequence[int]],
    ridge: float,
) -> NDArray[np.float64]:
    """The change of each group's strength that a linear model of the runs wants."""
    base = forecast(strengths)
    finals = [each.final(base) for each in outcomes]
    columns = []
    for at in range(len(groups)):
        nudged = forecast(_moved(strengths, groups, _NUDGE * np.eye(len(groups))[at]))
        changes = [each.final(nudged) - final for each, final in zip(outcomes, finals, strict=True)]
        columns.append(np.concatenate([change.ravel() for change in changes]).astype(np.float64) / _NUDGE)
    jacobian = np.stack(columns, axis=1)
    missed = np.concatenate([(final - each.reference).ravel() for each, final in zip(outcomes, finals, strict=True)])
    curvature = jacobian.T @ jacobian
    curvature += ridge * np.trace(curvature) / len(groups) * np.eye(len(groups))
    step: NDArray[np.float64] = -np.linalg.solve(curvature, jacobian.T @ missed)
    return step


def _moved(strengths: Strengths, groups: Sequence[Sequence[int]], step: NDArray[np.float64]) -> Strengths:
    moved = dict(strengths)
    for calls, change in zip(groups, step, strict=True):
        moved |= {call: moved.get(call, 0.0) + float(change) for call in calls}
    return moved
