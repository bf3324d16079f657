"""What the shallow calls between two deep ones cost, from measured drift: what `accel_bench.search.solve` adds up.

The cost of a segment is ‖Σ_m weight_m · error_m‖² over its shallow calls m: errors within a segment point the same way
and add up before they are squared; those of different segments are taken as unrelated.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from accel_bench.search.drift import Drift, Vectors
from accel_runtime.forecast import Forecast, forecast_weights

# A solved strength stays near what was measured: 0 holds, 1 is linear.
STRENGTHS = (-0.5, 1.25)

Nodes = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Prices segments with a forecast; a `SegmentCost`.

    Attributes:
        drift: With every error scaled by what it weighs in the final latents.
        running: For the last deep calls, the cost of shallow calls up to each later call.
    """

    drift: Drift
    running: Callable[[Drift, Nodes], list[float]]
    _known: dict[Nodes, list[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, drift: Drift, forecast: Forecast | None) -> Self:
        """Prices for a built-in forecast, or with the best strength for each segment where it is None.

        Args:
            drift: Scaled; see `scale`.
            forecast: How the features of shallow calls are made.
        """
        return cls(drift, _running_best if forecast is None else _Running(forecast))

    def __call__(self, nodes: Nodes, following: int) -> float:
        """The cost of the calls between ``nodes[0]`` and ``following``; see `accel_bench.search.solve.SegmentCost`."""
        if nodes not in self._known:
            self._known[nodes] = self.running(self.drift, nodes)
        return self._known[nodes][following - nodes[0] - 1]


def scale(drift: Drift, weights: NDArray[np.float64]) -> Drift:
    """Errors times what an error at their call weighs in the final latents. Shape of ``weights``: [calls]."""
    return Drift(drift.errors * weights.astype(np.float32)[:, np.newaxis, np.newaxis])


@dataclass(frozen=True, slots=True)
class _Running:
    forecast: Forecast

    def __call__(self, drift: Drift, nodes: Nodes) -> list[float]:
        total, costs = np.zeros_like(drift.errors[0, 0]), [0.0]
        for call in range(nodes[0] + 1, drift.calls):
            weights = forecast_weights(self.forecast, call, deep_calls=nodes[::-1])
            total = total + drift.of(call, nodes[: len(weights)], weights=weights)
            costs.append(float(np.vdot(total, total)))
        return costs


def _running_best(drift: Drift, nodes: Nodes) -> list[float]:
    if len(nodes) == 1:
        return _Running(Forecast.HOLD)(drift, nodes)
    held = slope = np.zeros_like(drift.errors[0, 0])
    costs = [0.0]
    for call in range(nodes[0] + 1, drift.calls):
        held, slope = held + drift.errors[call, nodes[0]], slope + _slope(drift, nodes, call)
        strength = _strength(held, slope)
        left = held + np.float32(strength) * slope
        costs.append(float(np.vdot(left, left)))
    return costs


def solve_strengths(prices: Prices, deep_calls: Sequence[int]) -> dict[int, float]:
    """The best strength of each segment by its prices, for each shallow call that has two deep ones before it.

    Strength s turns hold into ``(1 + s·d, -s·d)`` with linear's d; see `forecast_of`.
    """
    drift = prices.drift
    found: dict[int, float] = {}
    ends = (*deep_calls[2:], drift.calls)
    for older, newest, end in zip(deep_calls, deep_calls[1:], ends, strict=False):
        calls = range(newest + 1, end)
        if calls:
            held = np.sum([drift.errors[call, newest] for call in calls], axis=0)
            slope = np.sum([_slope(drift, (newest, older), call) for call in calls], axis=0)
            found |= dict.fromkeys(calls, _strength(held, slope))
    return found


def _slope(drift: Drift, nodes: Nodes, call: int) -> Vectors:
    distance = (call - nodes[0]) / (nodes[0] - nodes[1])
    return drift.of(call, nodes[:2], weights=(distance, -distance))


def _strength(held: Vectors, slope: Vectors) -> float:
    """The strength that leaves least of ``held + strength · slope``."""
    square = float(np.vdot(slope, slope))
    best = -float(np.vdot(held, slope)) / square if square else 0.0
    return float(np.clip(best, *STRENGTHS))


def forecast_of(deep_calls: Sequence[int], calls: int, *, strengths: dict[int, float]) -> dict[int, tuple[float, ...]]:
    """The weights of every shallow call: hold where it has no strength, or too few deep calls before it.

    >>> forecast_of((0, 2), 5, strengths={3: 1.0, 4: 0.5})
    {1: (1.0,), 3: (1.5, -0.5), 4: (1.5, -0.5)}
    """
    forecast: dict[int, tuple[float, ...]] = {}
    for call in sorted(set(range(calls)) - set(deep_calls)):
        linear = forecast_weights(Forecast.LINEAR, call, deep_calls=deep_calls)
        extra = strengths.get(call, 0.0) * (linear[0] - 1.0)
        forecast[call] = (1.0 + extra, -extra) if extra else (1.0,)
    return forecast
