"""Plans with skipped calls beside others: what is timed, what is noted, and what warms up."""

from tests.solved import solved_plan

from accel_bench.plans.prepare import Settings, prepare, resolve_for
from accel_runtime import Pipeline, PlanSpec
from accel_runtime.plans.plan import Deep

SETTINGS = Settings(steps=10, scheduler="ddim", guidance=4.0, batch=1)
SKIPPING = solved_plan((0, 4, 8), shallow=(5,), branch=1)


def test_a_plan_with_skipped_calls_runs_fewer_and_its_facts_count_the_schedule_s(pipeline: Pipeline) -> None:
    full, skipping = prepare(pipeline, [SKIPPING], settings=SETTINGS)

    assert (len(full.plan.calls), len(skipping.plan.calls)) == (10, 4)
    assert skipping.facts.calls == 10
    assert skipping.facts.running_calls == (0, 4, 5, 8)
    assert (skipping.facts.deep_calls, skipping.facts.shallow_calls) == ((0, 4, 8), (5,))
    assert (skipping.facts.branches, skipping.facts.is_full) == ((1,), False)


def test_its_warm_up_is_short_and_runs_each_of_its_graphs(pipeline: Pipeline) -> None:
    _, deep_only, both = prepare(pipeline, [solved_plan((0, 5)), SKIPPING], settings=SETTINGS)

    assert [isinstance(call, Deep) for call in both.warm_up.calls] == [True, False]
    assert both.warm_up.branches == (1,)
    assert [isinstance(call, Deep) for call in deep_only.warm_up.calls] == [True, True]


def test_where_some_of_its_calls_are_guided_it_warms_up_both_ways(pipeline: Pipeline) -> None:
    guided = solved_plan((0, 4, 8), shallow=(5, 9), branch=1, guided_calls=(0, 5))
    _, prepared = prepare(pipeline, [guided], settings=SETTINGS)

    def kinds(calls: object) -> set[tuple[bool, bool]]:
        return {(isinstance(call, Deep), call.guided) for call in calls}  # type: ignore[attr-defined]

    assert kinds(prepared.warm_up.calls) >= kinds(prepared.plan.calls)
    assert len(prepared.warm_up.calls) < 10


def test_rows_of_a_plan_whose_calls_are_all_deep_are_no_baseline(pipeline: Pipeline) -> None:
    _, solved = prepare(pipeline, [solved_plan(range(10))], settings=SETTINGS)

    assert not solved.facts.is_full


def test_plans_are_resolved_by_the_settings_of_a_run(pipeline: Pipeline) -> None:
    assert resolve_for(pipeline, PlanSpec(deep="every:4"), settings=SETTINGS) == PlanSpec(
        deep=(0, 4, 8), scheduler="ddim", steps=10
    )
    assert resolve_for(pipeline, SKIPPING, settings=SETTINGS) == SKIPPING
