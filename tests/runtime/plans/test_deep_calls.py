"""Deep calls as text and by number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_runtime.errors import InputError
from accel_runtime.plans.deep_calls import (
    deep_calls_text,
    deep_numbers,
    interval,
    parse_deep_calls,
    shortest_deep_calls,
)


def test_every_n_goes_deep_at_each_nth_call_from_the_first() -> None:
    assert deep_numbers("every:3", 8) == (0, 3, 6)
    assert deep_numbers("full", 3) == (0, 1, 2)
    assert deep_numbers((0, 2), 3) == (0, 2)


def test_calls_are_read_in_any_order_and_once() -> None:
    assert parse_deep_calls("calls:7,0, 3,3") == (0, 3, 7)


@pytest.mark.parametrize(
    "text",
    ["", "every:0", "every:", "every:x", "calls:", "calls:a", "calls:0,", "calls:-1", "half", "full:2", "every:-1"],
)
def test_text_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected full, every:N"):
        parse_deep_calls(text)


@pytest.mark.parametrize("deep", [(0, 9), (0, 4), (0, -1)])
def test_a_number_that_is_no_call_is_refused(deep: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="outside 0…3"):
        deep_numbers(deep, 4)


@pytest.mark.parametrize("text", ["full", "every:1", "every:12", "calls:0", "calls:0,3,7"])
def test_text_comes_back_as_it_was(text: str) -> None:
    assert deep_calls_text(parse_deep_calls(text)) == text


@given(st.sets(st.integers(1, 19), max_size=19))
def test_the_shortest_form_says_all_of_them(others: set[int]) -> None:
    numbers = (0, *sorted(others))

    assert deep_numbers(shortest_deep_calls(numbers, 20), 20) == numbers


def test_only_rules_have_an_interval() -> None:
    assert [interval(deep) for deep in ("full", "every:4", (0, 4, 8), "half")] == [1, 4, None, None]
