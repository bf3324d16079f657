"""Solved plans: placement and forecast together, from a calibration.

The cost of a plan is the sum of its segments'. A segment is a deep call and the shallow calls after it, and costs
‖Σ_m weight_m · error_m‖² over its shallow calls m: errors within a segment point the same way and add up before they
are squared; those of different segments are taken as unrelated. Dynamic programming over segments then finds the best
deep calls for every budget.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from accel_bench.solving.drift import Calibration, Drift, Vectors
from accel_runtime.plans.forecast import Forecast, forecast_weights

# A solved strength stays near what was measured: 0 holds, 1 is linear.
STRENGTHS = (-0.5, 1.25)

Nodes = tuple[int, ...]
DeepCalls = tuple[int, ...]
# Costs of the shallow calls between a deep call and the next: the last deep calls, newest first, and the next deep call
# or the number of calls.
SegmentCost = Callable[[tuple[int, ...], int], float]
_State = tuple[int, ...]

# Deep calls that a forecast looks back on; None has the best strength for each segment.
_HISTORY: Final[Mapping[Forecast | None, int]] = {Forecast.HOLD: 1, Forecast.LINEAR: 2, None: 2}


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
            forecast: Forecast of the features of shallow calls.
        """
        return cls(drift, _running_best if forecast is None else _Running(forecast))

    def __call__(self, nodes: Nodes, following: int) -> float:
        """The cost of the calls between ``nodes[0]`` and ``following``; see `SegmentCost`."""
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


def solve(calls: int, *, history: int, cost: SegmentCost) -> dict[int, tuple[int, ...]]:
    """The cheapest deep calls for each number of them.

    A plan's cost is the sum of its segments', and a segment's depends on the last ``history`` deep calls: 1 prices a
    held feature, 2 a linear forecast, 3 a quadratic one. Its state is those calls; for such costs it is exact.

    Args:
        calls: UNet calls of the schedule.
        history: Number of deep calls that a forecast looks back on.
        cost: Cost of a segment; infinite where the segment is not allowed.

    Returns:
        By number of deep calls; only what has a finite cost. Call 0 is always deep.
    """
    ahead: dict[_State, NDArray[np.float64]] = {}
    follow: dict[_State, NDArray[np.int64]] = {}
    for state in _states_backwards(calls, history):
        ahead[state], follow[state] = _best(state, calls, history=history, cost=cost, ahead=ahead)
    start = (0,)
    finite = [deep for deep in range(1, calls + 1) if np.isfinite(ahead[start][deep])]
    return {deep: _trace(start, deep, calls=calls, history=history, follow=follow) for deep in finite}


def _best(
    state: _State, calls: int, *, history: int, cost: SegmentCost, ahead: dict[_State, NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The cost from a state on, and the next deep call, by number of deep calls from its newest one on."""
    costs = np.full(calls + 1, np.inf)
    nexts = np.full(calls + 1, calls)
    costs[1] = cost(state, calls)
    for following in range(state[0] + 1, calls):
        total = cost(state, following) + ahead[_push(state, following, history)]
        better = total[:-1] < costs[1:]
        costs[1:][better] = total[:-1][better]
        nexts[1:][better] = following
    return costs, nexts


def _states_backwards(calls: int, history: int) -> list[_State]:
    """Every tuple of last deep calls that can be; those with later newest calls first."""
    levels: set[_State] = {(0,)}
    every = set(levels)
    while levels:
        levels = {_push(state, after, history) for state in levels for after in range(state[0] + 1, calls)} - every
        every |= levels
    return sorted(every, key=lambda state: -state[0])


def _push(state: _State, call: int, history: int) -> _State:
    return (call, *state)[:history]


def _trace(
    state: _State, deep: int, *, calls: int, history: int, follow: dict[_State, NDArray[np.int64]]
) -> tuple[int, ...]:
    """The deep calls of the best way from a state on."""
    placed = [state[0]]
    while (following := int(follow[state][deep])) < calls:
        placed.append(following)
        state, deep = _push(state, following, history), deep - 1
    return tuple(placed)


@dataclass(frozen=True, slots=True, eq=False)
class Solver:
    """Prices and placements of every plan, computed from a calibration without further model calls.

    Attributes:
        calls: UNet calls of the schedule.
        prices: Prices by built-in forecast; None prices with the best strength for each segment.
    """

    calls: int
    prices: Mapping[Forecast | None, Prices]
    _placed: dict[Forecast | None, dict[int, DeepCalls]] = field(default_factory=dict)

    @classmethod
    def of(cls, calibration: Calibration) -> "Solver":
        """Price hold, linear and solved strengths; quadratic looks back three calls, which is a state too many."""
        drift = scale(calibration.drift, calibration.weights)
        return cls(drift.calls, {forecast: Prices.of(drift, forecast) for forecast in _HISTORY})

    def placements(self, forecast: Forecast | None) -> dict[int, DeepCalls]:
        """The best deep calls for a forecast, by their number."""
        if forecast not in self._placed:
            self._placed[forecast] = solve(self.calls, history=_HISTORY[forecast], cost=self.prices[forecast])
        return self._placed[forecast]

    def price(self, deep_calls: DeepCalls, forecast: Forecast | None) -> float:
        """The predicted squared error of a plan's final latents, summed over the calibration."""
        return total_price(self.prices[forecast], deep_calls, history=_HISTORY[forecast])

    def strengths(self, deep_calls: DeepCalls) -> dict[int, float]:
        """The best strengths of a plan, segment by segment."""
        return solve_strengths(self.prices[None], deep_calls)


def total_price(prices: Prices, deep_calls: DeepCalls, *, history: int) -> float:
    """The sum over a plan's segments."""
    ends = (*deep_calls[1:], prices.drift.calls)
    return sum(prices(deep_calls[at::-1][:history], end) for at, end in enumerate(ends))
