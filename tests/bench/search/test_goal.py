"""What meets a goal, what is wanted most, and what is said where nothing meets it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bench.search.answers import answer

from accel_bench.records.search import Goal, Score
from accel_bench.search.goal import front, nearest, rank
from accel_runtime.errors import InputError

FULL_S = 10.0
SLOW = answer("every:2", 6.0, 1.0, loss=0.01)
MIDDLE = answer("every:3", 5.0, 4.0, loss=0.04)
FAST = answer("every:5", 4.0, 9.0, loss=0.07)


def test_without_a_bound_on_speed_the_fastest_within_the_loss_is_wanted() -> None:
    goal = Goal(Score.EMOJI_CLIP, max_loss=0.05)

    assert rank(goal, [SLOW, FAST, MIDDLE], baseline_s=FULL_S) == [MIDDLE, SLOW]


def test_with_one_the_least_changed_of_those_that_are_fast_enough_is_wanted() -> None:
    goal = Goal(Score.EMOJI_CLIP, max_loss=0.1, speedup=2.0)

    assert rank(goal, [SLOW, FAST, MIDDLE], baseline_s=FULL_S) == [MIDDLE, FAST]


def test_seconds_are_of_one_image() -> None:
    assert rank(Goal(Score.SSIM, seconds=4.5), [SLOW, FAST, MIDDLE], baseline_s=FULL_S) == [FAST]


def test_every_bound_on_quality_binds() -> None:
    for goal in (
        Goal(Score.SSIM, max_loss=0.03),
        Goal(Score.SSIM, min_psnr=45.0),
        Goal(Score.SSIM, max_feature_distance=0.02),
    ):
        assert rank(goal, [SLOW, FAST, MIDDLE], baseline_s=FULL_S) == [SLOW]


def test_where_nothing_meets_it_the_nearest_on_both_sides_are_named() -> None:
    goal = Goal(Score.EMOJI_CLIP, max_loss=0.05, speedup=2.5)

    told = nearest(goal, [SLOW, FAST, MIDDLE], baseline_s=FULL_S)

    assert told == "2.50× needs a loss of 7.00%; within 5.00% the best is 2.00× (5 s)"


def test_a_speed_that_nothing_has_is_said_to_be_out_of_reach() -> None:
    goal = Goal(Score.EMOJI_CLIP, max_loss=0.05, seconds=1.0)

    told = nearest(goal, [SLOW, FAST], baseline_s=FULL_S)

    assert told == "the fastest reaches 2.50× (4 s) with a loss of 7.00%; within 5.00% the best is 1.67× (6 s)"


def test_a_quality_that_nothing_has_is_said_to_be_out_of_reach() -> None:
    told = nearest(Goal(Score.SSIM, min_psnr=90.0), [SLOW, FAST], baseline_s=FULL_S)

    assert told == "the best has 48.1 dB at 1.67× (6 s)"


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12))
def test_the_front_is_what_no_other_beats_and_beats_all_else(points: list[tuple[int, int]]) -> None:
    answers = [answer("every:2", seconds, distance) for seconds, distance in points]

    kept = {(each.seconds, each.quality.distance) for each in front(answers)}

    for point in set(points):
        beaten = any(other != point and other[0] <= point[0] and other[1] <= point[1] for other in points)
        assert (point in kept) is not beaten


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ({"speedup": 2.0, "seconds": 1.0}, "expected one of them, got both"),
        ({"speedup": 0.0}, "--req-speedup: expected a number above 0, got 0"),
        ({"seconds": -1.0}, "--req-time: expected a number above 0, got -1"),
        ({"min_psnr": float("nan")}, "--min-psnr: expected a number above 0, got nan"),
        ({"max_loss": 5.0}, "--req-score-loss: expected a share such as 0.05, got 5"),
        ({"max_feature_distance": -0.1}, "--max-feature-distance: expected 0 or more, got -0.1"),
    ],
)
def test_bounds_that_cannot_be_meant_are_refused(bounds: dict[str, float], told: str) -> None:
    with pytest.raises(InputError, match=told.replace("(", r"\(")):
        Goal(Score.PSNR, **bounds)
