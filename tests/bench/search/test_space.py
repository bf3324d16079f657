"""Trials that a search may try, and how they are told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_bench.plans.trial import Trial
from accel_bench.search.space import Candidate, Space, distinct, parse_targets, plan_text
from accel_runtime.deep_calls import deep_numbers, parse_deep_calls
from accel_runtime.errors import InputError


@given(st.sets(st.integers(1, 19), max_size=19))
def test_the_short_name_of_deep_calls_says_all_of_them(others: set[int]) -> None:
    deep = (0, *sorted(others))

    assert deep_numbers(parse_deep_calls(plan_text(deep, 20)), 20) == deep


def test_the_same_trial_is_the_same_candidate_whoever_thought_of_it() -> None:
    first, second = Candidate("uniform", Trial("every:3")), Candidate("power", Trial("every:3"))

    assert first.id == second.id
    assert distinct([first, second]) == (first,)
    assert first.id != Candidate("uniform", Trial("every:3", steps=10)).id


def test_weights_that_hold_are_left_out() -> None:
    space = Space({4: 4}, (0,))

    candidate = space.candidate("solved", 4, deep=(0, 1), branch=0, weights={2: (1.0,), 3: (1.5, -0.5)})

    assert candidate.trial.weights == ((3, (1.5, -0.5)),)


def test_an_unknown_target_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="expected some of deepcache, steps, guidance by commas, got 'cache'"):
        parse_targets("cache")
