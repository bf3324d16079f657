"""Statistics of a few samples."""

from math import comb, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_bench.base.stats import Spread, median_interval, quantile, standard_error

TIMES = st.lists(st.floats(0.01, 100), min_size=1, max_size=40)


@given(TIMES)
def test_the_interval_is_made_of_samples_around_the_median(values: list[float]) -> None:
    spread = Spread.of(values)

    assert {spread.low, spread.high, spread.p90} <= set(values)
    assert spread.low <= spread.median <= spread.high


@given(st.integers(6, 60))
def test_from_six_samples_on_the_interval_covers_95_percent_and_the_next_narrower_does_not(count: int) -> None:
    low, high, confidence = median_interval(range(count))
    # fewer than `low + 2` of `count` throws of a coin are heads, or tails
    missed_by_the_next = 2 * sum(comb(count, heads) for heads in range(int(low) + 2)) / 2**count

    assert confidence >= 0.95
    assert high == count - 1 - low
    assert 1 - missed_by_the_next < 0.95


def test_too_few_samples_give_both_ends_and_say_how_little_that_is() -> None:
    assert median_interval([3.0, 1.0, 2.0]) == (1.0, 3.0, 0.75)
    assert median_interval([5.0]) == (5.0, 5.0, 0.0)


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (5, 5), (10, 9), (20, 18), (21, 19)])
def test_nine_of_ten_samples_are_not_above_the_p90(count: int, expected: int) -> None:
    assert quantile(range(1, count + 1), 0.9) == expected


@given(TIMES)
def test_the_standard_error_shrinks_with_the_root_of_the_samples(values: list[float]) -> None:
    once, fourfold = standard_error(values), standard_error(values * 4)

    if once is None:
        assert len(values) == 1
        return
    count = len(values)
    # the same spread of four times as many samples, of which one degree of freedom goes to the mean
    assert fourfold == pytest.approx(once / 2 * sqrt((4 * count - 4) / (4 * count - 1)), abs=1e-9)


def test_the_error_of_a_single_sample_is_not_known() -> None:
    assert standard_error([1.0]) is None
