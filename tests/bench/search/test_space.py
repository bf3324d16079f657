"""Plans that a search may try, and how they are told apart."""

import pytest

from accel_bench.search.space import Candidate, Space, distinct
from accel_bench.search.targets import parse_targets
from accel_runtime.errors import InputError
from accel_runtime.plans.spec import PlanSpec


def test_the_same_plan_is_the_same_candidate_whoever_thought_of_it() -> None:
    weights = {1: (0.9,), 2: (0.8,)}
    first = Candidate("uniform", PlanSpec(deep="every:3", weights=weights))
    second = Candidate("power", PlanSpec(deep="every:3", weights=dict(reversed(weights.items()))))

    assert first.id == second.id
    assert distinct([first, second]) == (first,)
    assert first.id != Candidate("uniform", PlanSpec(deep="every:3", weights=weights, steps=10)).id


def test_weights_that_hold_are_left_out() -> None:
    space = Space({4: 4}, (0,))

    candidate = space.candidate("solved", 4, deep=(0, 1), branch=0, weights={2: (1.0,), 3: (1.5, -0.5)})

    assert candidate.spec.weights == {3: (1.5, -0.5)}


def test_an_unknown_target_is_refused_by_name() -> None:
    with pytest.raises(
        InputError,
        match="expected some of schedule, deepcache, steps, guidance, rule, tome, tgate by commas, got 'cache'",
    ):
        parse_targets("cache")
