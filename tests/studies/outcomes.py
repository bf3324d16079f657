"""Real outcomes of trial plans: how far their final latents are from those of the uncached run."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from tests.studies.forecasts import Forecasts

from accel_bench.solving.walk import State, Walker
from accel_runtime.backends.base import Array
from accel_runtime.plans.plan import Call, Deep, Shallow


def calls_of(walker: Walker, forecast: Forecasts) -> tuple[Call, ...]:
    """The calls that a walker runs for these forecasts."""
    return tuple(
        Shallow(guidance=call.guidance, branch=walker.branch, forecast=forecast[index])
        if index in forecast
        else Deep(guidance=call.guidance)
        for index, call in enumerate(walker.plan.calls)
    )


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
    _calls: tuple[Call, ...] = ()

    def final(self, forecast: Forecasts) -> Array:
        """The final latents of a plan. Shape: [B, C, h, w]."""
        calls = calls_of(self.walker, forecast)
        common = self._common(calls)
        states = self._states[: common + 1] or [self.walker.start()]
        while states[-1].index < self.walker.calls:
            states.append(self.walker.step(states[-1], calls[states[-1].index]))
        self._states, self._calls = states, calls
        return states[-1].latents

    def error(self, forecast: Forecasts) -> float:
        """Mean squared error of the final latents."""
        return float(np.mean(np.square(self.final(forecast) - self.reference)))

    def _common(self, calls: Sequence[Call]) -> int:
        """How many first calls a plan has in common with the last one that ran."""
        ran = len(self._states) - 1
        differs = (index for index in range(ran) if calls[index] != self._calls[index])
        return next(differs, max(ran, 0))


def mean_error(outcomes: Sequence[Outcomes], forecast: Forecasts) -> float:
    """The mean of a plan's errors over batches of one size."""
    return sum(each.error(forecast) for each in outcomes) / len(outcomes)
