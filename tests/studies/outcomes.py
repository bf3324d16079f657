"""Real outcomes of trial plans: how far their final latents are from those of the uncached run."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from accel_bench.search.walk import Forecasts, State, Walker
from accel_runtime.backends.base import Array


@dataclass(eq=False)
class Outcomes:
    """Runs trial plans on one batch, each from where it parts from the one before.

    Attributes:
        walker: Runs the calls, and counts them.
        reference: Final latents of the uncached run. Shape: [B, C, h, w].
    """

    walker: Walker
    reference: Array
    _states: list[State] = field(default_factory=list)
    _forecast: Forecasts = field(default_factory=dict)

    def final(self, forecast: Forecasts) -> Array:
        """The final latents of a plan. Shape: [B, C, h, w]."""
        common = self._common(forecast)
        states = self._states[: common + 1] or [self.walker.start()]
        while states[-1].index < self.walker.calls:
            weights = forecast.get(states[-1].index)
            step = self.walker.deep(states[-1]) if weights is None else self.walker.shallow(states[-1], weights)
            states.append(step)
        self._states, self._forecast = states, dict(forecast)
        return states[-1].latents

    def error(self, forecast: Forecasts) -> float:
        """Mean squared error of the final latents."""
        return float(np.mean(np.square(self.final(forecast) - self.reference)))

    def _common(self, forecast: Forecasts) -> int:
        """How many first calls a plan has in common with the last one that ran."""
        ran = len(self._states) - 1
        differs = (call for call in range(ran) if forecast.get(call) != self._forecast.get(call))
        return next(differs, max(ran, 0))


def mean_error(outcomes: Sequence[Outcomes], forecast: Forecasts) -> float:
    """The mean of a plan's errors over batches of one size."""
    return sum(each.error(forecast) for each in outcomes) / len(outcomes)
