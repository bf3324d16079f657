"""What strategies ask for, of answers that are made up."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec import UNSET
from tests.bench.search.answers import follow, quality

from accel_bench.records.search import Goal, Score
from accel_bench.search.space import FEWER, FULL, Answer, Ask, Candidate, Proposer, Rival, Space, make_space
from accel_bench.search.strategies.grid import grid
from accel_bench.search.strategies.proposals import Proposals
from accel_bench.search.strategies.solved import climb, halve, solve
from accel_bench.search.strategies.tpe import Sampler, sample
from accel_bench.search.targets import Target
from accel_bench.solving.drift import Drift
from accel_bench.solving.segments import Prices, Solver, scale
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.rule import Rule
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.plans.tome import Tome

CALLS = 12
SPACE = Space({CALLS: CALLS}, (0,))


def deep_of(candidate: Candidate) -> int:
    return len(candidate.spec.deep_calls(candidate.spec.steps or CALLS))


def seconds(candidate: Candidate) -> float:
    """A shallow call costs a tenth of a deep one; what is not guided costs half."""
    calls = candidate.spec.steps or CALLS
    guided = calls if candidate.spec.guided_calls is None else candidate.spec.guided_calls[1] + 1
    return (deep_of(candidate) + 0.1 * (calls - deep_of(candidate))) * (calls + guided) / (2 * calls)


def guess(candidate: Candidate, _batches: int) -> Answer:
    """Fewer deep calls are worse; among as many, held solved plans are best."""
    rival = 0.0 if candidate.family == "solved" and not candidate.spec.weights else 0.1
    distance = 10.0 * (CALLS - deep_of(candidate)) + rival
    return Answer(candidate, seconds(candidate), quality(distance, loss=distance / 1000))


def solver() -> Solver:
    """Of errors that grow with a feature's age, faster at the end."""
    age = np.arange(CALLS)[:, np.newaxis] - np.arange(CALLS)
    size = np.maximum(age, 0) * (1 + np.arange(CALLS)[:, np.newaxis])
    drift = scale(Drift(size[..., np.newaxis].astype(np.float32)), np.ones(CALLS))
    return Solver(CALLS, {way: Prices.of(drift, way) for way in (Forecast.HOLD, Forecast.LINEAR, None)})


def proposals(space: Space = SPACE) -> Proposals:
    return Proposals(space, {CALLS: solver()}, predict=seconds, baseline_s=float(CALLS))


def test_halving_keeps_the_better_half_of_each_cost_and_one_at_least() -> None:
    rivals = [SPACE.candidate("power", CALLS, deep=(0, 1, at), branch=0) for at in (5, 6, 7, 8)]
    alone = SPACE.candidate("solved", CALLS, deep=(0, 4), branch=0)
    worth = {each.id: float(rank) for rank, each in enumerate([*rivals, alone])}

    asked = follow(
        _as_strategy([*rivals, alone], batches=4),
        lambda candidate, _: Answer(candidate, seconds(candidate), quality(worth[candidate.id])),
    )

    assert [(len(ask.candidates), ask.batches) for ask in asked] == [(5, 1), (3, 2), (2, 4)]
    assert asked[-1].candidates == (rivals[0], alone)


def _as_strategy(candidates: list[Candidate], *, batches: int) -> Proposer:
    yield from halve(candidates, batches=batches, cost=seconds)


def test_the_default_judges_families_beside_each_other_at_every_budget() -> None:
    asked = follow(solve(proposals(), Goal(Score.SSIM, max_loss=0.05), batches=2), guess)

    first = asked[0].candidates
    for deep in {deep_of(each) for each in first}:
        families = [each.family for each in first if deep_of(each) == deep]
        assert "solved" in families
        assert len(families) <= 3
    assert {each.family for each in first} & {"uniform", "power"}
    assert any(each.spec.weights for each in first)


def test_the_default_ends_at_the_fewest_deep_calls_that_keep_the_loss() -> None:
    goal = Goal(Score.SSIM, max_loss=0.0451)  # made-up losses: 8 deep calls lose 0.04, 7 lose 0.05

    asked = follow(solve(proposals(), goal, batches=2), guess)

    judged = {deep_of(each) for ask in asked if ask.batches == 2 for each in ask.candidates}
    assert {7, 8} <= judged


def test_with_a_bound_on_speed_nothing_slower_is_tried() -> None:
    asked = follow(solve(proposals(), Goal(Score.SSIM, speedup=2.0), batches=2), guess)

    tried = [each for ask in asked for each in ask.candidates]
    assert max(seconds(each) for each in tried) <= CALLS / 2
    # 5 deep calls take 5.7 s, 6 would take 6.6 s.
    assert max(deep_of(each) for each in tried) == 5


def test_deep_calls_are_moved_while_that_helps_and_the_end_is_judged_on_all() -> None:
    ideal = (0, 5, 10)

    def far(candidate: Candidate, _batches: int) -> Answer:
        placed = candidate.spec.deep_calls(CALLS)
        distance = sum(abs(one - other) for one, other in zip(placed, ideal, strict=True))
        return Answer(candidate, seconds(candidate), quality(float(distance)))

    start = SPACE.candidate("solved", CALLS, deep=(0, 2, 8), branch=0)
    asked = follow(_climb(start, moves=100), far)

    assert asked[-1] == Ask((SPACE.candidate("moved", CALLS, deep=ideal, branch=0),), 4)
    assert {ask.batches for ask in asked[:-1]} == {2}
    tried = [each.id for ask in asked[1:-1] for each in ask.candidates]
    assert len(tried) == len(set(tried))


def test_no_more_moves_are_run_than_were_asked_for() -> None:
    start = SPACE.candidate("solved", CALLS, deep=(0, 2, 8), branch=0)

    asked = follow(_climb(start, moves=3), guess)

    assert [ask.batches for ask in asked] == [2, 2, 2, 2, 4]
    assert asked[-1].candidates == (start,)


def _climb(start: Candidate, *, moves: int) -> Proposer:
    yield from climb(start, near=proposals().near, moves=moves, batches=4)


def test_a_moved_plan_keeps_its_forecast_and_its_guided_calls() -> None:
    held = SPACE.candidate("solved", CALLS, deep=(0, 4, 8), branch=0)
    start = SPACE.guided_in_part(Candidate("solved", msgspec.structs.replace(held.spec, weights={5: (1.5, -0.5)})), 0.5)

    near = [each.spec for each in proposals().near(start)]

    assert len(near) == 8
    assert {each.guided_calls for each in near} == {(0, 5)}
    assert all(each.weights for each in near)


@pytest.mark.parametrize(("goal", "deep"), [(Goal(Score.SSIM, max_loss=0.0451), 7), (Goal(Score.SSIM, speedup=2.0), 5)])
def test_what_is_moved_is_one_deep_call_short_of_the_goal_or_the_best_that_is_fast_enough(
    goal: Goal, deep: int
) -> None:
    asked = follow(solve(proposals(), goal, batches=2, moves=4), guess)

    moved = [each for ask in asked for each in ask.candidates if each.family == "moved"]
    assert {deep_of(each) for each in moved} == {deep}
    assert len(moved) == 4


def test_where_moves_make_fewer_deep_calls_enough_the_next_fewer_are_tried() -> None:
    def helped(candidate: Candidate, batches: int) -> Answer:
        known = guess(candidate, batches)
        if candidate.family != "moved" or deep_of(candidate) < 7:
            return known
        return Answer(candidate, known.seconds, quality(1.0, loss=0.0))

    asked = follow(solve(proposals(), Goal(Score.SSIM, max_loss=0.0451), batches=2, moves=2), helped)

    assert {deep_of(each) for ask in asked for each in ask.candidates if each.family == "moved"} == {7, 6}


def test_survivors_are_tried_with_guidance_on_fewer_calls() -> None:
    space = make_space({CALLS: CALLS}, targets=(Target.DEEPCACHE, Target.GUIDANCE), branches=(0,))

    asked = follow(solve(proposals(space), Goal(Score.SSIM, max_loss=0.05), batches=1), guess)

    guided = {each.spec.guided_calls for ask in asked for each in ask.candidates}
    assert guided == {None, (0, 8), (0, 5)}


def test_survivors_and_the_full_unet_are_tried_with_every_share_of_merged_tokens() -> None:
    targets = (Target.DEEPCACHE, Target.TOME)
    space = make_space({CALLS: CALLS}, targets=targets, branches=(0,), tome=(0.3, 0.5))

    asked = follow(solve(proposals(space), Goal(Score.SSIM, max_loss=0.05), batches=1), guess)

    tried = [each.spec for ask in asked for each in ask.candidates]
    assert {spec.tome_of(0) for spec in tried} == {0.0, 0.3, 0.5}
    assert {PlanSpec(deep="full", tome=Tome(ratio=ratio)) for ratio in (0.3, 0.5)} <= set(tried)
    assert {spec for spec in tried if spec.tome and spec.deep != "full"}


def test_what_lies_between_merges_as_many_tokens_as_the_plans_beside_it() -> None:
    space = make_space({CALLS: CALLS}, targets=(Target.TOME,), branches=(0,), tome=(0.5,))
    (merged,) = space.merged(SPACE.candidate("solved", CALLS, deep=(0, 2, 4, 6, 8, 10), branch=0))
    (worse,) = space.merged(SPACE.candidate("solved", CALLS, deep=(0, 6), branch=0))
    answers = [Answer(merged, 5.0, quality(1.0, loss=0.01)), Answer(worse, 2.0, quality(9.0, loss=0.9))]

    between = proposals(space).between(Goal(Score.SSIM, max_loss=0.05), answers)

    assert {each.spec.tome_of(0) for each in between} == {0.5}
    assert {deep_of(each) for each in between} == {4}


def test_survivors_and_the_full_unet_are_tried_with_late_calls_gated() -> None:
    space = make_space({CALLS: CALLS}, targets=(Target.DEEPCACHE, Target.TGATE), branches=(0,))

    asked = follow(solve(proposals(space), Goal(Score.SSIM, max_loss=0.05), batches=1), guess)

    tried = [each.spec for ask in asked for each in ask.candidates]
    assert {spec.tgate for spec in tried} == {UNSET, 3, 6, 9}
    assert {PlanSpec(deep="full", tgate=gate) for gate in (3, 6, 9)} <= set(tried)
    assert {spec for spec in tried if spec.tgate and spec.deep != "full"}


def test_runs_of_fewer_steps_are_tried_with_less_guidance_merged_tokens_and_gated_calls_too() -> None:
    fewer = Candidate(FEWER, PlanSpec(deep="full", scheduler="euler", steps=5))
    targets = (Target.SCHEDULE, Target.DEEPCACHE, Target.GUIDANCE, Target.TOME, Target.TGATE)
    space = make_space({CALLS: CALLS}, targets=targets, branches=(0,), rivals=(Rival(fewer, 8),), tome=(0.5,))

    asked = follow(solve(proposals(space), Goal(Score.SSIM, max_loss=0.05), batches=1), guess)

    specs = {each.spec for ask in asked for each in ask.candidates if each.spec.scheduler == "euler"}
    assert {spec.guided_calls for spec in specs} == {None, (0, 5), (0, 3)}
    assert {spec.tgate for spec in specs} == {UNSET, 6, 4, 2}
    assert {spec.tome_of(0) for spec in specs} == {0.0, 0.5}
    assert {len(space.deep_calls(Candidate(FEWER, spec))) for spec in specs} == {8}


def test_what_lies_between_is_gated_where_the_plans_beside_it_are() -> None:
    space = make_space({CALLS: CALLS}, targets=(Target.TGATE,), branches=(0,))
    better, *_ = space.gated(SPACE.candidate("solved", CALLS, deep=(0, 2, 4, 6, 8, 10), branch=0))
    worse, *_ = space.gated(SPACE.candidate("solved", CALLS, deep=(0, 6), branch=0))
    answers = [Answer(better, 5.0, quality(1.0, loss=0.01)), Answer(worse, 2.0, quality(9.0, loss=0.9))]

    between = proposals(space).between(Goal(Score.SSIM, max_loss=0.05), answers)

    assert {each.spec.tgate for each in between} == {9}
    assert {deep_of(each) for each in between} == {4}


def test_what_was_made_for_open_calls_is_not_gated() -> None:
    rule = Rule(signal="noise", threshold=0.1, most_deep=3)
    space = make_space({CALLS: CALLS}, targets=(Target.TGATE,), branches=(0,))

    for spec in (
        PlanSpec(deep=(0,), rule=rule),
        PlanSpec(deep="full", tome=Tome(ratio=0.5)),
        PlanSpec(deep="full", guided_calls=(0, 3)),
    ):
        assert list(space.gated(Candidate("any", spec))) == []
    assert list(make_space({CALLS: CALLS}, targets=(), branches=(0,)).gated(FULL)) == []


def test_a_rule_s_threshold_is_not_used_with_merged_tokens() -> None:
    rule = Rule(signal="noise", threshold=0.1, most_deep=3)
    space = make_space({CALLS: CALLS}, targets=(Target.TOME,), branches=(0,), tome=(0.5,))

    assert list(space.merged(Candidate("rule", PlanSpec(deep=(0,), rule=rule)))) == []
    assert list(make_space({CALLS: CALLS}, targets=(), branches=(0,), tome=(0.5,)).merged(FULL)) == []


def test_without_caching_only_steps_are_tried() -> None:
    space = make_space({12: 12, 9: 9, 6: 6}, targets=(Target.STEPS,), branches=(0,))
    nothing_cached = Proposals(space, {}, predict=seconds, baseline_s=float(CALLS))

    asked = follow(solve(nothing_cached, Goal(Score.SSIM, max_loss=0.05), batches=1), guess)

    fewer = [PlanSpec(deep="full", steps=steps) for steps in (9, 6)]
    assert [each.spec for ask in asked for each in ask.candidates] == fewer


def test_the_grid_is_every_interval_branch_forecast_and_power_plan_once() -> None:
    space = Space({CALLS: CALLS}, (0, 1))

    (ask,) = follow(grid(space, batches=3), guess)

    specs = [each.spec for each in ask.candidates]
    assert ask.batches == 3
    assert len(set(specs)) == len(specs)
    assert sum(each.family == "uniform" for each in ask.candidates) == 9 * 2 * 3
    assert sum(each.family == "power" for each in ask.candidates) > 50


def test_solved_weights_sum_to_one_as_all_forecasts_do() -> None:
    for candidate in proposals().at(CALLS, 4, 0):
        for weights in candidate.spec.weights.values():
            assert abs(sum(weights) - 1) < 1e-9


def test_one_allowed_plan_of_a_budget_is_enough_to_try_fewer_deep_calls() -> None:
    good = SPACE.candidate("solved", CALLS, deep=(0, 2, 4, 6, 8, 10), branch=0)
    bad = SPACE.candidate("uniform", CALLS, deep=(0, 1, 2, 3, 4, 5), branch=0)
    answers = [Answer(good, 6.6, quality(1.0, loss=0.01)), Answer(bad, 6.6, quality(9.0, loss=0.9))]
    goal = Goal(Score.SSIM, max_loss=0.05)

    for seen in (answers, answers[::-1]):
        assert {deep_of(each) for each in proposals().between(goal, seen)} == {3}


def test_guidance_on_all_calls_of_a_short_schedule_is_the_candidate_itself() -> None:
    space = Space({1: 1}, (0,), guided_shares=(0.75, 0.5))

    assert space.guided_in_part(FULL, 0.5) == FULL
    assert list(space.guided(FULL)) == []


def test_optuna_goes_on_with_its_study_until_it_has_enough_trials(tmp_path: Path) -> None:
    space = make_space({CALLS: CALLS, 8: 8}, targets=tuple(Target), branches=(0, 1))
    begun = follow(sample(Sampler(space, tmp_path, "study", 3, seed=0), batches=2), guess)

    resumed = follow(sample(Sampler(space, tmp_path, "study", 5, seed=0), batches=2), guess)

    assert (len(begun), len(resumed)) == (3, 2)
    assert all(ask.batches == 2 for ask in begun)
