"""Plans as short data."""

import msgspec
import pytest
from tests.runtime.test_plan import table

from accel_runtime.errors import InputError
from accel_runtime.forecast import Forecast
from accel_runtime.plan import Shallow, make_plan
from accel_runtime.plan_spec import PlanSpec


@pytest.mark.parametrize("forecast", Forecast)
def test_a_named_forecast_makes_the_plan_that_short_names_make(forecast: Forecast) -> None:
    spec = PlanSpec(deep=(0, 2, 3), branch=1, forecast=forecast)

    assert spec.plan(table(6), guidance=3.0) == make_plan(
        table(6), (0, 2, 3), branch=1, forecast=forecast, guidance=3.0
    )


def test_weights_and_branches_are_those_of_the_shallow_calls_in_order() -> None:
    plan = PlanSpec(deep=(0, 2), branch=(0, 1), forecast=((1.0,), (1.4, -0.4))).plan(table(4))

    assert plan.calls[1] == Shallow(guidance=7.5, branch=0, forecast=(1.0,))
    assert plan.calls[3] == Shallow(guidance=7.5, branch=1, forecast=(1.4, -0.4))


@pytest.mark.parametrize(
    "spec",
    [
        PlanSpec(deep=(0, 2), forecast=Forecast.LINEAR),
        PlanSpec(deep=(0, 2), branch=(0, 1), forecast=((1.0,), (1.4, -0.4))),
    ],
)
def test_it_survives_json_and_toml(spec: PlanSpec) -> None:
    assert msgspec.json.decode(msgspec.json.encode(spec), type=PlanSpec) == spec
    assert msgspec.convert(msgspec.to_builtins(spec), PlanSpec) == spec


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (PlanSpec(deep=(1, 2)), "first call must be deep"),
        (PlanSpec(deep=(0, 4)), "deep call 4 is outside 0…3"),
        (PlanSpec(deep=(0, 2), branch=(0,)), "expected branches for each of 2 shallow calls, got 1"),
        (PlanSpec(deep=(0, 2), forecast=((1.0,),)), "expected forecast weights for each of 2 shallow calls, got 1"),
        (PlanSpec(deep=(0, 2), forecast=((1.0, 0.0), (1.0,))), "weighs 2 deep features, but only 1"),
    ],
)
def test_data_that_makes_no_plan_is_refused(spec: PlanSpec, message: str) -> None:
    with pytest.raises(InputError, match=message):
        spec.plan(table(4))


def test_a_guidance_for_the_wrong_number_of_calls_is_refused() -> None:
    with pytest.raises(InputError, match="one guidance per call, 4, got 2"):
        PlanSpec(deep=(0,)).plan(table(4), guidance=(3.0, 1.0))
