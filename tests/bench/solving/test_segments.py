"""Dynamic programming against trying every plan, on prices that are made up."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_bench.solving.drift import Drift
from accel_bench.solving.segments import (
    STRENGTHS,
    Prices,
    SegmentCost,
    forecast_of,
    solve,
    solve_strengths,
    total_price,
)
from accel_runtime.plans.forecast import Forecast


def total(cost: SegmentCost, deep: tuple[int, ...], *, calls: int, history: int) -> float:
    ends = (*deep[1:], calls)
    return sum(cost(deep[at::-1][:history], end) for at, end in enumerate(ends))


def random_cost(seed: int) -> SegmentCost:
    def cost(nodes: tuple[int, ...], following: int) -> float:
        return float(np.random.default_rng([seed, following, *nodes]).random())

    return cost


@given(calls=st.integers(1, 7), history=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_no_plan_of_its_budget_is_cheaper_than_the_solved_one(calls: int, history: int, seed: int) -> None:
    cost = random_cost(seed)

    solved = solve(calls, history=history, cost=cost)

    assert sorted(solved) == list(range(1, calls + 1))
    for deep, plan in solved.items():
        every = [(0, *rest) for rest in combinations(range(1, calls), deep - 1)]
        best = min(total(cost, each, calls=calls, history=history) for each in every)
        assert plan in every
        assert total(cost, plan, calls=calls, history=history) == pytest.approx(best)


def test_a_budget_that_no_finite_cost_allows_has_no_plan() -> None:
    solved = solve(6, history=1, cost=lambda nodes, following: float("inf") if following - nodes[0] > 2 else 0.0)

    assert sorted(solved) == [3, 4, 5, 6]


def straight_drift(calls: int) -> Drift:
    """Of features that move by a constant vector a call: linear makes no error."""
    errors = np.zeros((calls, calls, 2), np.float32)
    for call in range(calls):
        for node in range(call):
            errors[call, node] = np.array([3.0, 4.0]) * (node - call)
    return Drift(errors)


def test_a_held_segment_costs_the_square_of_its_summed_errors() -> None:
    prices = Prices.of(straight_drift(6), Forecast.HOLD)

    # Calls 1 and 2 are off by (3, 4) and twice that.
    assert prices((0,), 3) == pytest.approx(15.0**2)
    assert prices((0,), 1) == 0.0


@pytest.mark.parametrize("forecast", [Forecast.LINEAR, None])
def test_features_on_a_line_cost_nothing_where_they_may_be_extrapolated(forecast: Forecast | None) -> None:
    prices = Prices.of(straight_drift(6), forecast)

    assert prices((2, 0), 6) == pytest.approx(0.0, abs=1e-6)
    assert prices((0,), 2) == pytest.approx(5.0**2)


def test_solved_strengths_of_features_on_a_line_are_linear() -> None:
    strengths = solve_strengths(Prices.of(straight_drift(7), None), (0, 2, 4))

    assert strengths == {3: pytest.approx(1.0), 5: pytest.approx(1.0), 6: pytest.approx(1.0)}
    assert forecast_of((0, 2, 4), 7, strengths=strengths)[6] == pytest.approx((2.0, -1.0))


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_the_solved_strength_beats_every_other_of_its_segment(seed: int) -> None:
    errors = np.random.default_rng(seed).standard_normal((6, 6, 8)).astype(np.float32)
    prices = Prices.of(Drift(errors), None)
    (strength,) = set(solve_strengths(prices, (0, 1, 3, 4, 5)).values())

    # The segment of call 2, after deep calls 1 and 0.
    def left(strength: float) -> float:
        error = (1 + strength) * errors[2, 1] - strength * errors[2, 0]
        return float(error @ error)

    assert prices((1, 0), 3) == pytest.approx(left(strength), rel=1e-4)
    assert left(strength) <= min(left(other) for other in np.linspace(*STRENGTHS, 50)) * (1 + 1e-5)


def test_a_plans_price_is_the_sum_over_its_segments() -> None:
    prices = Prices.of(straight_drift(6), None)

    assert total_price(prices, (0, 2, 3), history=2) == pytest.approx(25.0)
