"""Solved plans: placement and forecast together, from a calibration."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from accel_bench.search.calibrate import Calibration
from accel_bench.search.fit import fit_strengths
from accel_bench.search.outcomes import Forecasts, mean_error
from accel_bench.search.price import Prices, forecast_of, scale, solve_strengths
from accel_bench.search.solve import solve
from accel_runtime.forecast import Forecast, forecast_weights
from accel_runtime.plan_spec import PlanSpec

DeepCalls = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Solver:
    """What a calibration knows about every plan, without another model call.

    Attributes:
        calls: UNet calls of the schedule.
        prices: By built-in forecast; None prices with the best strength for each segment.
    """

    calls: int
    prices: Mapping[Forecast | None, Prices]

    @classmethod
    def of(cls, calibration: Calibration) -> "Solver":
        """Price hold, linear and solved strengths; quadratic looks back three calls, which is a state too many."""
        drift = scale(calibration.drift, calibration.weights)
        return cls(drift.calls, {each: Prices.of(drift, each) for each in (Forecast.HOLD, Forecast.LINEAR, None)})

    def placements(self, forecast: Forecast | None) -> dict[int, DeepCalls]:
        """The best deep calls for a forecast, by their number."""
        history = 1 if forecast is Forecast.HOLD else 2
        return solve(self.calls, history=history, cost=self.prices[forecast])

    def price(self, deep_calls: DeepCalls) -> float:
        """What a plan costs with solved strengths: its predicted squared error, in units of its own."""
        return total_price(self.prices[None], deep_calls, history=2)

    def strengths(self, deep_calls: DeepCalls) -> dict[int, float]:
        """The best strengths of a plan, segment by segment."""
        return solve_strengths(self.prices[None], deep_calls)


def total_price(prices: Prices, deep_calls: DeepCalls, *, history: int) -> float:
    """The sum over a plan's segments."""
    ends = (*deep_calls[1:], prices.drift.calls)
    return sum(prices(deep_calls[at::-1][:history], end) for at, end in enumerate(ends))


def segments(deep_calls: DeepCalls, calls: int) -> list[tuple[int, ...]]:
    """The shallow calls after each deep one that has another before it: what may have a strength.

    >>> segments((0, 2, 3), 6)
    [(4, 5)]
    """
    ends = (*deep_calls[2:], calls)
    found = [tuple(range(deep + 1, end)) for deep, end in zip(deep_calls[1:], ends, strict=False)]
    return [segment for segment in found if segment]


def built_in(deep_calls: DeepCalls, calls: int, *, forecast: Forecast) -> Forecasts:
    """The weights of every shallow call by a built-in forecast."""
    shallow = sorted(set(range(calls)) - set(deep_calls))
    return {call: forecast_weights(forecast, call, deep_calls=deep_calls) for call in shallow}


def fitted(calibration: Calibration, deep_calls: DeepCalls, *, solver: Solver, steps: int) -> Iterator[Forecasts]:
    """Strengths of a plan from the drift, then fitted on real runs: ever better forecasts.

    Args:
        calibration: Its batches are what is fitted on.
        deep_calls: Of the plan.
        solver: Of that calibration.
        steps: At most so many improvements.
    """
    groups = segments(deep_calls, solver.calls)
    start = solver.strengths(deep_calls)
    if not groups:
        yield forecast_of(deep_calls, solver.calls, strengths=start)
        return
    found = fit_strengths(
        calibration.outcomes,
        start,
        forecast=lambda strengths: forecast_of(deep_calls, solver.calls, strengths=dict(strengths)),
        groups=groups,
    )
    for _, (strengths, _error) in zip(range(steps + 1), found, strict=False):
        yield forecast_of(deep_calls, solver.calls, strengths=dict(strengths))


def best_on(calibration: Calibration, candidates: Sequence[Forecasts]) -> Forecasts:
    """The candidate with the smallest error on the calibration's own pictures."""
    return min(candidates, key=lambda forecast: mean_error(calibration.outcomes, forecast))


def spec_of(forecast: Forecasts, calls: int, *, branch: int) -> PlanSpec:
    """The plan as data."""
    deep = tuple(call for call in range(calls) if call not in forecast)
    return PlanSpec(deep=deep, branch=branch, forecast=tuple(forecast[call] for call in sorted(forecast)))
