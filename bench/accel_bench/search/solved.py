"""Solved plans: placement and forecast together, from a calibration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from accel_bench.search.calibration import Calibration
from accel_bench.search.solve import solve
from accel_bench.search.solver import Prices, scale, solve_strengths
from accel_runtime.forecast import Forecast

DeepCalls = tuple[int, ...]

# Deep calls that a forecast looks back on; None has the best strength for each segment.
_HISTORY: Final[Mapping[Forecast | None, int]] = {Forecast.HOLD: 1, Forecast.LINEAR: 2, None: 2}


@dataclass(frozen=True, slots=True, eq=False)
class Solver:
    """What a calibration knows about every plan, without another model call.

    Attributes:
        calls: UNet calls of the schedule.
        prices: By built-in forecast; None prices with the best strength for each segment.
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
        """What a plan costs: the predicted squared error of its final latents, summed over the calibration."""
        return total_price(self.prices[forecast], deep_calls, history=_HISTORY[forecast])

    def strengths(self, deep_calls: DeepCalls) -> dict[int, float]:
        """The best strengths of a plan, segment by segment."""
        return solve_strengths(self.prices[None], deep_calls)


def total_price(prices: Prices, deep_calls: DeepCalls, *, history: int) -> float:
    """The sum over a plan's segments."""
    ends = (*deep_calls[1:], prices.drift.calls)
    return sum(prices(deep_calls[at::-1][:history], end) for at, end in enumerate(ends))
