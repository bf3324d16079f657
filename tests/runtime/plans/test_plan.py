"""Compiled plans: what can be run."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_runtime.errors import InputError
from accel_runtime.plans.compile import compile_plan
from accel_runtime.plans.forecast import Forecast, forecast_weights
from accel_runtime.plans.plan import Call, Deep, Plan, Shallow
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.schedules.schedule import ScheduleRow, ScheduleTable


def table(calls: int, *, fixed_deep: int | None = None) -> ScheduleTable:
    rows = tuple(
        ScheduleRow(
            timestep=float(calls - k),
            input_scale=1.0,
            a=(1.0,),
            b=(-0.1,),
            c=0.0,
            draws=0,
            shallow_ok=k > 0 and k != fixed_deep,
        )
        for k in range(calls)
    )
    return ScheduleTable(scheduler="toy", steps=calls, begin=0, init_noise_sigma=1.0, rows=rows)


def plan(spec: PlanSpec, calls: int, *, guidance: float = 7.5) -> Plan:
    return compile_plan(spec, table(calls), guidance=guidance)


def test_a_call_that_the_schedule_wants_deep_may_not_be_shallow() -> None:
    with pytest.raises(InputError, match="call 2 of toy must be deep"):
        compile_plan(PlanSpec(deep=(0,)), table(4, fixed_deep=2), guidance=7.5)


def test_a_guided_shallow_call_needs_guided_deep_calls() -> None:
    with pytest.raises(InputError, match="the deep call it reuses was not"):
        plan(PlanSpec(deep=(0,), guided_calls=(1, 1)), 2)


def test_an_unguided_shallow_call_may_reuse_a_guided_deep_call() -> None:
    calls = plan(PlanSpec(deep=(0,), guided_calls=(0, 1)), 3).calls

    assert [call.guided for call in calls] == [True, True, False]


def test_guidance_must_be_a_finite_number() -> None:
    with pytest.raises(InputError, match="finite"):
        plan(PlanSpec(deep="full"), 1, guidance=float("nan"))


def test_a_plan_without_a_deep_call_first_is_refused() -> None:
    with pytest.raises(InputError, match="the first call must be deep"):
        Plan(schedule=table(1), calls=(Shallow(guidance=1.0, branch=0, forecast=(1.0,)),))


def test_more_than_three_past_features_are_refused() -> None:
    calls: tuple[Call, ...] = (
        *(Deep(guidance=1.0) for _ in range(4)),
        Shallow(guidance=1.0, branch=0, forecast=(1.0, 0.0, 0.0, 0.0)),
    )
    with pytest.raises(InputError, match="1 to 3 forecast weights, got 4"):
        Plan(schedule=table(5), calls=calls)


def test_a_plan_survives_json() -> None:
    made = plan(PlanSpec(deep="every:3", branch=2, forecast=Forecast.QUADRATIC), 7, guidance=3.0)

    assert msgspec.json.decode(msgspec.json.encode(made), type=Plan) == made


def test_a_plan_from_json_is_checked_too() -> None:
    raw = msgspec.to_builtins(plan(PlanSpec(deep=(0,)), 2))
    raw["calls"] = raw["calls"][::-1]
    with pytest.raises(InputError, match="first call must be deep"):
        msgspec.convert(raw, Plan)


def test_the_loop_keeps_only_as_many_features_as_the_plan_weighs() -> None:
    assert plan(PlanSpec(deep=(0, 3, 6)), 7).history == 1
    assert plan(PlanSpec(deep=(0, 2, 4), forecast=Forecast.QUADRATIC), 7).history == 3
    assert plan(PlanSpec(deep=(0, 3), forecast=Forecast.QUADRATIC), 7).history == 2
    assert plan(PlanSpec(deep=(0, 1, 2), forecast=Forecast.QUADRATIC), 3).history == 1


def test_forecasts_of_higher_order_wait_until_there_is_history() -> None:
    assert forecast_weights(Forecast.QUADRATIC, 1, deep_calls=(0, 3)) == (1.0,)
    assert len(forecast_weights(Forecast.QUADRATIC, 4, deep_calls=(0, 3))) == 2


@given(
    deep_calls=st.lists(st.integers(0, 60), min_size=1, max_size=8, unique=True).map(sorted),
    ahead=st.integers(1, 20),
    coefficients=st.lists(st.floats(-2, 2), min_size=3, max_size=3),
    forecast=st.sampled_from(Forecast),
)
def test_a_forecast_of_order_n_continues_every_polynomial_of_its_order(
    deep_calls: list[int], ahead: int, coefficients: list[float], forecast: Forecast
) -> None:
    call = deep_calls[-1] + ahead
    weights = forecast_weights(forecast, call, deep_calls=deep_calls)
    polynomial = np.polynomial.Polynomial(coefficients[: len(weights)])
    past = [polynomial(node) for node in reversed(deep_calls)][: len(weights)]
    made = sum(weight * value for weight, value in zip(weights, past, strict=True))

    scale = max(1.0, *(abs(weight * value) for weight, value in zip(weights, past, strict=True)))
    assert made == pytest.approx(polynomial(call), abs=1e-9 * scale)


@given(st.lists(st.integers(1, 30), min_size=1, unique=True), st.sampled_from(Forecast))
def test_forecast_weights_sum_to_one(later: list[int], forecast: Forecast) -> None:
    deep_calls = sorted({0, *later})

    assert sum(forecast_weights(forecast, 31, deep_calls=deep_calls)) == pytest.approx(1.0)
