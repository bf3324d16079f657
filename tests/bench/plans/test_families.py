"""Placements that are known without measuring."""

from itertools import pairwise

import pytest

from accel_bench.plans.families import deep_first, deep_last, power, power_plans, uniform
from accel_runtime.errors import InputError


def test_uniform_is_the_one_in_n_rule_where_one_has_that_many_deep_calls() -> None:
    assert uniform(50, 17) == tuple(range(0, 50, 3))
    assert uniform(50, 10) == tuple(range(0, 50, 5))
    assert uniform(20, 20) == tuple(range(20))


@pytest.mark.parametrize("deep", range(1, 21))
def test_every_family_keeps_the_budget_and_starts_deep(deep: int) -> None:
    families = [uniform(20, deep), deep_first(20, deep), deep_last(20, deep), *power_plans(20, deep)]

    for plan in families:
        assert len(set(plan)) == deep
        assert plan == tuple(sorted(plan))
        assert plan[0] == 0
        assert plan[-1] < 20


def test_a_power_plan_of_exponent_two_around_the_start_has_its_calls_at_squares() -> None:
    # Roots 0, 1, 2 … 7 of 0 to 49, raised again; the last one is the end of the schedule.
    assert power(49, 7, center=0, exponent=2.0) == (0, 1, 4, 9, 16, 25, 36)


def test_a_power_plan_is_dense_around_its_centre() -> None:
    # Roots -4, -2.8 … 5.9 of exponent 2 around call 16: -7.8, -2.7, -0.2, 0.9, 4.2 … are added to it.
    plan = power(50, 10, center=15, exponent=1.4)

    assert plan is not None
    gaps = [after - before for before, after in pairwise(plan)]
    nearest = min(range(len(gaps)), key=lambda at: abs((plan[at] + plan[at + 1]) / 2 - 15))
    assert gaps[nearest] == min(gaps)
    assert gaps[-1] > min(gaps)


def test_a_power_that_puts_points_on_one_call_is_lowered_until_they_differ() -> None:
    plan = power(20, 15, center=0, exponent=1.6)

    assert plan is not None
    assert len(plan) == 15


def test_no_power_above_one_makes_a_full_plan_around_the_middle() -> None:
    assert power(10, 10, center=5.5, exponent=1.4) is None


@pytest.mark.parametrize("deep", [0, 21, -1])
def test_a_budget_that_the_schedule_does_not_have_is_refused(deep: int) -> None:
    with pytest.raises(InputError, match="expected 1 to 20 deep calls"):
        uniform(20, deep)
