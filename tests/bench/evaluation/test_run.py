"""Trials side by side: what runs, in which order, with which seeds."""

from typing import Any

import numpy as np
import pytest

from accel_bench.evaluation.run import Runs, run_batches
from accel_bench.plans.trial import BASELINE, Settings, Trial, parse_trials, prepare, split
from accel_runtime import Pipeline, Plan, Request
from accel_runtime.errors import InputError
from accel_runtime.forecast import Forecast

SETTINGS = Settings(steps=4, scheduler="ddim", guidance=3.0, batch=2, seed=5)
PROMPTS = ("a", "b", "c", "d")


def test_every_plan_meets_every_branch_and_every_forecast() -> None:
    trials = parse_trials("every:3,calls:0,4,full", "0,2", "hold,linear")

    assert len(trials) == 3 * 2 * 2
    assert trials[0] == Trial("every:3", 0, Forecast.HOLD)
    assert trials[-1] == Trial("full", 2, Forecast.LINEAR)
    assert {trial.plan for trial in trials} == {"every:3", "calls:0,4", "full"}


def test_a_plan_that_reuses_nothing_is_the_baseline_and_runs_once(pipeline: Pipeline) -> None:
    trials = parse_trials("every:1,every:2,full,calls:0,1,2,3,every:2", "0,1", "hold")
    prepared = prepare(pipeline, trials, settings=SETTINGS)

    assert [each.trial.name for each in prepared] == ["full", "every:2 k=0 hold", "every:2 k=1 hold"]
    assert prepared[0].trial == BASELINE
    assert [each.plan.deep_calls for each in prepared] == [(0, 1, 2, 3), (0, 2), (0, 2)]


def test_the_warm_up_of_a_trial_runs_its_graphs(pipeline: Pipeline) -> None:
    full, cached = prepare(pipeline, [Trial("every:2", 1)], settings=SETTINGS)

    assert full.warm_up.branches == ()
    assert cached.warm_up.branches == (1,)
    assert len(cached.warm_up.calls) == 2


@pytest.mark.parametrize("steps", [3, 8])
def test_where_some_calls_are_guided_the_warm_up_runs_each_graph_both_ways(pipeline: Pipeline, steps: int) -> None:
    trial = Trial("every:2", 1, weights=((1, (0.9,)),), steps=steps, guided_calls=(0, 1))

    _, cached = prepare(pipeline, [trial], settings=SETTINGS)

    def kinds(plan: Plan) -> set[tuple[type, bool]]:
        return {(type(call), call.guided) for call in plan.calls}

    assert kinds(cached.warm_up) >= kinds(cached.plan)
    assert len(cached.warm_up.calls) <= 4


def test_batches_have_one_size_and_picture_i_the_seed_plus_i() -> None:
    first, second = split(PROMPTS, SETTINGS)

    assert (first.prompts, first.seed) == (("a", "b"), 5)
    assert (second.prompts, second.seed) == (("c", "d"), 7)


def test_every_batch_meets_all_trials_before_the_next_and_the_order_turns(pipeline: Pipeline) -> None:
    trials = prepare(pipeline, [Trial("every:2"), Trial("every:4")], settings=SETTINGS)
    runs = Runs()
    names = list(run_batches(pipeline, trials, batches=split(PROMPTS, SETTINGS), runs=runs))
    a, b, c = (each.trial.name for each in trials)

    assert names == [*(f"warm-up {name}" for name in (a, b, c)), a, b, c, b, c, a]
    assert {name: len(times) for name, times in runs.batch_s.items()} == {a: 2, b: 2, c: 2}
    assert set(runs.warm_up_s) == {a, b, c}
    assert runs.images(a).shape == (4, 16, 16, 3)


def test_pictures_are_those_of_the_pipeline_and_differ_only_by_plan(pipeline: Pipeline) -> None:
    trials = prepare(pipeline, [Trial("every:4", 1)], settings=SETTINGS)
    runs = Runs()
    for _ in run_batches(pipeline, trials, batches=split(PROMPTS, SETTINGS), runs=runs):
        pass

    for each in trials:
        alone = pipeline.generate(Request(prompts=("d",), seed=5 + 3), each.plan).images[0]
        assert np.abs(runs.images(each.trial.name)[3].astype(int) - alone).max() <= 1
    assert not np.array_equal(runs.images("full"), runs.images("every:4 k=1 hold"))


def test_every_trial_encodes_its_prompts_anew(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []
    original = Pipeline.tokenize

    def noted(self: Pipeline, prompt: str) -> Any:
        encoded.append(prompt)
        return original(self, prompt)

    monkeypatch.setattr(Pipeline, "tokenize", noted)
    trials = prepare(pipeline, [Trial("every:2")], settings=SETTINGS)
    for _ in run_batches(pipeline, trials, batches=split(("a", "b"), SETTINGS), runs=Runs()):
        pass

    assert encoded == ["a", "b", ""] * 4


BAD: dict[str, tuple[Any, str]] = {
    "a branch that is no number": (lambda: parse_trials("every:2", "0,a", "hold"), "branches: .* got 'a'"),
    "an empty branch": (lambda: parse_trials("every:2", "0,", "hold"), "branches: .* got ''"),
    "a forecast of no kind": (lambda: parse_trials("every:2", "0", "cubic"), "hold, linear, quadratic .* got 'cubic'"),
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
        prepare(pipeline, [Trial("every:1", 9)], settings=SETTINGS)
