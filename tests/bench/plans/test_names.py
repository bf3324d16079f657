"""What plans are called."""

import pytest
from tests.solved import solved_plan

from accel_bench.plans.names import plan_name
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.spec import PlanSpec


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        (PlanSpec(deep="full", branch=3), "full"),
        (PlanSpec(deep="every:3", forecast=Forecast.LINEAR), "every:3 k=0 linear"),
        (PlanSpec(deep=(0, 4), branch=1), "calls:0,4 k=1 hold"),
        (PlanSpec(deep="full", scheduler="euler", steps=20, guided_calls=(0, 9)), "full euler 20 steps guided 0-9"),
    ],
)
def test_a_name_says_all_of_a_plan(spec: PlanSpec, name: str) -> None:
    assert plan_name(spec) == name


def test_plans_of_other_weights_or_branches_have_other_names() -> None:
    plans = [
        PlanSpec(deep="every:3"),
        PlanSpec(deep="every:3", weights={1: (0.9,)}),
        PlanSpec(deep="every:3", weights={2: (0.9,)}),
        PlanSpec(deep="every:3", branches={1: 1}),
        PlanSpec(deep="every:3", branches={1: 2}),
    ]

    assert len({plan_name(spec) for spec in plans}) == len(plans)
    assert plan_name(plans[1]) == plan_name(PlanSpec(deep="every:3", weights={1: (0.9,)}))


def test_a_solved_plan_is_told_by_how_many_calls_run_and_by_its_hash() -> None:
    plans = [
        solved_plan((0, 4, 8)),
        solved_plan((0, 4, 7)),
        solved_plan((0, 4), shallow=(8,)),
        solved_plan((0, 4), shallow=(8,), branch=1),
        solved_plan((0, 4, 8), scheduler="euler"),
    ]

    assert {plan_name(spec).rpartition("-")[0] for spec in plans} == {"3 of 10 calls solved"}
    assert len({plan_name(spec) for spec in plans}) == len(plans)
    assert plan_name(plans[0]) == plan_name(solved_plan((0, 4, 8)))
