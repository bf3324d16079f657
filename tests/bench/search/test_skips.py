"""What is proposed of plans with skipped calls, by prices and seconds that are made up."""

import pytest
from tests.bench.search.answers import answer, follow, quality, solved
from tests.bench.search.test_strategies import SPACE, guess, proposals

from accel_bench.records.search import Goal, Score
from accel_bench.search.space import SKIPS, Answer, Candidate, Space, Unsolved, first_budgets
from accel_bench.search.strategies.skips import Skips
from accel_bench.search.strategies.solved import solve
from accel_bench.solving.placement import Placement, Priced
from accel_runtime.plans.spec import PlanSpec

CALLS = 12
GOOD = Goal(Score.PSNR, min_psnr=30.0)
FAST = Goal(Score.PSNR, speedup=2.0)


def priced(deep: int, shallow: int) -> Priced:
    """A shallow call takes as much of the error as a fifth of a deep one does."""
    return Priced(Placement(tuple(range(deep)), tuple(range(deep, deep + shallow))), 1 / (deep + 0.2 * shallow))


def skips(*, shallow_s: float = 0.1) -> Skips:
    counts = [(deep, shallow) for deep in range(1, 7) for shallow in range(3)]
    placements = {CALLS: (CALLS, {each: priced(*each) for each in counts})}
    return Skips(placements, seconds=lambda deep, shallow: deep + shallow_s * shallow, baseline_s=float(CALLS))


def judged(deep: int, shallow: int = 0, *, error: float) -> Answer:
    unsolved = Unsolved(CALLS, deep, shallow)
    return Answer(solved(unsolved), deep + 0.1 * shallow, quality(error))


def test_each_budget_has_a_plan_of_deep_calls_and_the_best_mix_that_is_as_fast() -> None:
    first = list(skips().first(GOOD))

    assert {each.deep for each in first if not each.shallow} >= set(first_budgets(CALLS))
    # Two shallow calls for 0.2 seconds explain more than the 0.2 deep ones that they displace, but not a whole one.
    assert all(each.shallow == 0 for each in first)


def test_cheap_shallow_calls_are_mixed_in_and_dear_ones_are_not() -> None:
    # The budget between two numbers of deep calls.
    cheap, dear = (list(skips(shallow_s=cost).within(CALLS, 4.5)) for cost in (0.1, 0.6))

    assert cheap == [Unsolved(CALLS, 4, 2)]
    assert dear == [Unsolved(CALLS, 4, 0)]


def test_a_bound_on_speed_leaves_out_what_is_slower() -> None:
    goal = Goal(Score.PSNR, speedup=3.0)

    first = list(skips().first(goal))

    assert first
    assert all(each.deep + 0.1 * each.shallow <= CALLS / 3 for each in first)


def test_the_search_goes_on_halfway_between_what_is_good_enough_and_what_is_not() -> None:
    answers = [judged(2, error=400.0), judged(6, error=10.0)]

    assert skips().between(GOOD, answers) == (Unsolved(CALLS, 4, 0),)


def test_between_neighbours_there_is_nothing_new() -> None:
    answers = [judged(4, error=400.0), judged(4, 2, error=300.0), judged(5, error=10.0)]

    assert skips().between(GOOD, answers) == ()


def test_moves_are_spent_on_the_plans_next_to_the_goal() -> None:
    answers = [judged(2, error=900.0), judged(3, error=400.0), judged(4, error=10.0), judged(6, error=1.0)]

    assert set(skips().promising(GOOD, answers)) == {Unsolved(CALLS, 3), Unsolved(CALLS, 4)}
    assert skips().promising(FAST, answers) == (Unsolved(CALLS, 6),)


def test_other_families_are_not_what_skips_are_measured_by() -> None:
    others = [answer("every:2", 6.6, 10.0), answer("every:4", 3.9, 900.0)]

    assert skips().between(GOOD, others) == ()
    assert skips().promising(GOOD, others) == ()


def skipping(candidate: Candidate, batches: int) -> Answer:
    """Skips are better than all rivals, and better still with moves."""
    if candidate.family != SKIPS:
        return guess(candidate, batches)
    spec = candidate.spec
    moves = spec.rows[0].b[0]
    shallow = len(spec.rows) - len(spec.deep)
    return Answer(candidate, len(spec.deep) + 0.1 * shallow, quality(500.0 / (len(spec.deep) + 0.2 * shallow) - moves))


@pytest.mark.parametrize("goal", [GOOD, FAST])
def test_a_whole_search_solves_first_and_improves_last(goal: Goal) -> None:
    asked = follow(solve(proposals(SPACE), goal, skips=skips(), batches=2, moves=4), skipping)

    solving = [ask for ask in asked if ask.unsolved]
    assert solving[0].batches == 1
    assert all(each.moves == 0 for each in solving[0].unsolved)
    improved = [each for ask in solving for each in ask.unsolved if each.moves]
    assert improved
    assert all(each.moves == 4 for each in improved)
    everything = [each for ask in solving for each in ask.unsolved]
    assert len(everything) == len(set(everything))


def test_without_moves_nothing_is_improved() -> None:
    asked = follow(solve(proposals(SPACE), GOOD, skips=skips(), batches=2, moves=0), skipping)

    assert all(each.moves == 0 for ask in asked for each in ask.unsolved)


def test_a_plan_with_skipped_calls_keeps_its_guidance() -> None:
    space = Space({CALLS: CALLS}, (0,), guided_shares=(0.5,))

    assert list(space.guided(solved(Unsolved(CALLS, 3)))) == []
    assert list(space.guided(Candidate("uniform", PlanSpec(deep="every:3")))) != []
