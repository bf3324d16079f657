"""Forecasts of a walk, which are the weights of every shallow call, as plans and of plans."""

from collections.abc import Mapping, Sequence

from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.spec import PlanSpec

Forecasts = Mapping[int, tuple[float, ...]]  # weights by shallow call; all other calls are deep


def forecasts_of(spec: PlanSpec, calls: int) -> Forecasts:
    """The weights of every shallow call of a plan."""
    deep = spec.deep_calls(calls)
    return {call: spec.weights_of(call, deep_calls=deep) for call in range(calls) if call not in deep}


def built_in(deep_calls: Sequence[int], calls: int, *, forecast: Forecast) -> Forecasts:
    """The weights of every shallow call by a built-in forecast."""
    return forecasts_of(PlanSpec(deep=tuple(deep_calls), forecast=forecast), calls)


def spec_of(forecasts: Forecasts, calls: int) -> PlanSpec:
    """The plan on branch 0 that has these weights; weights that hold are left to the forecast."""
    deep = tuple(call for call in range(calls) if call not in forecasts)
    return PlanSpec(deep=deep, weights={call: each for call, each in forecasts.items() if each != (1.0,)})
