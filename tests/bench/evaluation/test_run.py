"""Trials side by side: what runs, in which order, with which seeds."""

from typing import Any

import numpy as np
import pytest

from accel_bench.evaluation.run import Runs, run_batches
from accel_bench.plans.options import PlanOptions, choose_plans
from accel_bench.plans.prepare import BASELINE, Settings, prepare, split
from accel_runtime import Pipeline, Plan, PlanSpec, Request, Shallow
from accel_runtime.errors import InputError
from accel_runtime.text.tokens import PromptTokenizer

SETTINGS = Settings(steps=4, scheduler="ddim", guidance=3.0, batch=2, seed=5)
PROMPTS = ("a", "b", "c", "d")


def test_a_plan_that_reuses_nothing_is_the_baseline_and_runs_once(pipeline: Pipeline) -> None:
    options = PlanOptions(["every:1,every:2,full,calls:0,1,2,3,every:2"], ["0,1"], ["hold"], 4, "ddim")
    prepared = prepare(pipeline, choose_plans(options).specs, settings=SETTINGS)

    assert [each.name for each in prepared] == ["full", "every:2 k=0 hold", "every:2 k=1 hold"]
    assert prepared[0].spec == BASELINE
    assert [each.plan.deep_calls for each in prepared] == [(0, 1, 2, 3), (0, 2), (0, 2)]


def test_the_warm_up_of_a_trial_runs_its_graphs(pipeline: Pipeline) -> None:
    full, cached = prepare(pipeline, [PlanSpec(deep="every:2", branch=1)], settings=SETTINGS)

    assert full.warm_up.branches == ()
    assert cached.warm_up.branches == (1,)
    assert len(cached.warm_up.calls) == 2


@pytest.mark.parametrize("steps", [3, 8])
def test_where_some_calls_are_guided_the_warm_up_runs_each_graph_both_ways(pipeline: Pipeline, steps: int) -> None:
    spec = PlanSpec(deep="every:2", branch=1, weights={1: (0.9,)}, steps=steps, guided_calls=(0, 1))

    _, cached = prepare(pipeline, [spec], settings=SETTINGS)

    assert kinds(cached.warm_up) >= kinds(cached.plan)
    assert len(cached.warm_up.calls) <= 4


@pytest.mark.parametrize("guided_calls", [None, (0, 3)])
def test_the_warm_up_of_a_plan_of_several_branches_runs_each_of_them(
    pipeline: Pipeline, guided_calls: tuple[int, int] | None
) -> None:
    spec = PlanSpec(deep=(0, 5), branch=3, branches={2: 0, 6: 1}, steps=9, guided_calls=guided_calls)

    _, cached = prepare(pipeline, [spec], settings=SETTINGS)

    assert kinds(cached.warm_up) >= kinds(cached.plan)
    assert len(cached.warm_up.calls) < len(cached.plan.calls)


def kinds(plan: Plan) -> set[tuple[int | None, bool]]:
    """The branch of each shallow call, None for deep ones, and whether it is guided."""
    return {(call.branch if isinstance(call, Shallow) else None, call.guided) for call in plan.calls}


def test_batches_have_one_size_and_picture_i_the_seed_plus_i() -> None:
    first, second = split(PROMPTS, SETTINGS)

    assert (first.prompts, first.seed) == (("a", "b"), 5)
    assert (second.prompts, second.seed) == (("c", "d"), 7)


def test_every_batch_meets_all_trials_before_the_next_and_the_order_turns(pipeline: Pipeline) -> None:
    trials = prepare(pipeline, [PlanSpec(deep="every:2"), PlanSpec(deep="every:4")], settings=SETTINGS)
    runs = Runs()
    names = list(run_batches(pipeline, trials, batches=split(PROMPTS, SETTINGS), runs=runs))
    a, b, c = (each.name for each in trials)

    assert names == [*(f"warm-up {name}" for name in (a, b, c)), a, b, c, b, c, a]
    assert {name: len(times) for name, times in runs.batch_s.items()} == {a: 2, b: 2, c: 2}
    assert set(runs.warm_up_s) == {a, b, c}
    assert runs.images(a).shape == (4, 16, 16, 3)


def test_pictures_are_those_of_the_pipeline_and_differ_only_by_plan(pipeline: Pipeline) -> None:
    trials = prepare(pipeline, [PlanSpec(deep="every:4", branch=1)], settings=SETTINGS)
    runs = Runs()
    for _ in run_batches(pipeline, trials, batches=split(PROMPTS, SETTINGS), runs=runs):
        pass

    for each in trials:
        alone = pipeline.generate(Request(prompts=("d",), seed=5 + 3), each.plan).images[0]
        assert np.abs(runs.images(each.name)[3].astype(int) - alone).max() <= 1
    assert not np.array_equal(runs.images("full"), runs.images("every:4 k=1 hold"))


def test_every_trial_encodes_its_prompts_anew(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []
    original = PromptTokenizer.encode

    def noted(self: PromptTokenizer, prompt: str) -> Any:
        encoded.append(prompt)
        return original(self, prompt)

    monkeypatch.setattr(PromptTokenizer, "encode", noted)
    trials = prepare(pipeline, [PlanSpec(deep="every:2")], settings=SETTINGS)
    for _ in run_batches(pipeline, trials, batches=split(("a", "b"), SETTINGS), runs=Runs()):
        pass

    assert encoded == ["a", "b", ""] * 4


BAD: dict[str, tuple[Any, str]] = {
    "no batch": (lambda: split(PROMPTS, Settings(4, None, 1.0, batch=0)), "batch: expected 1 or more"),
    "a batch that does not divide": (lambda: split(PROMPTS, Settings(4, None, 1.0, batch=3)), "multiple of the batch"),
    "no prompts": (lambda: split((), SETTINGS), "got 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_trials_that_mean_nothing_are_refused(name: str) -> None:
    act, message = BAD[name]

    with pytest.raises(InputError, match=message):
        act()


def test_a_branch_that_the_bundle_lacks_is_refused_even_where_no_call_uses_it(pipeline: Pipeline) -> None:
    with pytest.raises(InputError, match="branch 9 is not in the bundle: expected one of 0, 1, 2, 3"):
        prepare(pipeline, [PlanSpec(deep="every:1", branch=9)], settings=SETTINGS)
