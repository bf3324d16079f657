"""Plans with a rule: what it decides is told by hand from the latents, and what it decided is what ran."""

from pathlib import Path

import numpy as np
import pytest
from tests.own_memory import OwnMemory

from accel_runtime import Forecast, Pipeline, PlanSpec, Request, Shallow, open_bundle
from accel_runtime.denoising.loop import Step
from accel_runtime.errors import InputError
from accel_runtime.plans.plan import Deep
from accel_runtime.plans.rule import Rule

STEPS = 10
REQUEST = Request(("a cat", "a dog"), seed=4)


def with_rule(signal: str, threshold: float, most_deep: int, *, deep: tuple[int, ...] = (0,)) -> PlanSpec:
    rule = Rule(signal=signal, threshold=threshold, most_deep=most_deep)  # type: ignore[arg-type]  # a test's text
    return PlanSpec(deep=deep, rule=rule, branch=1, forecast=Forecast.LINEAR, scheduler="ddim", steps=STEPS)


def ran(pipeline: Pipeline, spec: PlanSpec) -> list[Step]:
    return list(pipeline.denoise(REQUEST, pipeline.compile(spec)))


def deep_of(steps: list[Step]) -> tuple[int, ...]:
    return tuple(step.index for step in steps if isinstance(step.call, Deep))


def by_hand(steps: list[Step], threshold: float) -> tuple[int, ...]:
    """The deep calls that the latents of a run make, by the signal as the page defines it."""
    deep, moved, x = [0], 0.0, [step.latents for step in steps]
    for call in range(1, len(steps)):
        if call > 2:
            turn, step = x[call - 1] - 2 * x[call - 2] + x[call - 3], x[call - 1] - x[call - 2]
            moved += float(np.mean([np.abs(t).mean() / np.abs(s).mean() for t, s in zip(turn, step, strict=True)]))
        if moved > threshold:
            deep.append(call)
            moved = 0.0
    return tuple(deep)


@pytest.fixture(scope="module")
def threshold(pipeline: Pipeline) -> float:
    """Twice what the latents of an uncached run turn at a call, so that some calls pass it and some do not."""
    x = [step.latents for step in ran(pipeline, PlanSpec(deep="full", scheduler="ddim", steps=STEPS))]
    turns = [np.abs(c - 2 * b + a).mean() / np.abs(c - b).mean() for a, b, c in zip(x, x[1:], x[2:], strict=False)]
    return 2 * float(np.median(turns))


def test_the_latents_decide_as_the_page_says(pipeline: Pipeline, threshold: float) -> None:
    steps = ran(pipeline, with_rule("latents", threshold, STEPS))

    assert 1 < len(deep_of(steps)) < STEPS
    assert deep_of(steps) == by_hand(steps, threshold)


@pytest.mark.parametrize("signal", ["noise", "latents"])
def test_what_was_decided_is_the_static_plan_of_the_same_calls_to_the_last_bit(
    pipeline: Pipeline, threshold: float, signal: str
) -> None:
    steps = ran(pipeline, with_rule(signal, threshold / 4, 5))
    static = PlanSpec(deep=deep_of(steps), branch=1, forecast=Forecast.LINEAR, scheduler="ddim", steps=STEPS)
    placed = ran(pipeline, static)

    assert len(deep_of(steps)) > 2
    assert any(isinstance(step.call, Shallow) and len(step.call.forecast) > 1 for step in steps)
    assert [step.call for step in steps] == [step.call for step in placed]
    assert np.array_equal(steps[-1].latents, placed[-1].latents)
    assert pipeline.generate(REQUEST, pipeline.compile(with_rule(signal, threshold / 4, 5))).deep_calls == static.deep


def test_no_more_calls_are_deep_than_the_cap_says_and_those_in_any_case_are_kept_free(pipeline: Pipeline) -> None:
    spec = with_rule("noise", 0.0, 4, deep=(0, 8, 9))

    assert deep_of(ran(pipeline, spec)) == (0, 2, 8, 9)
    assert pipeline.compile(spec).most_deep == 4


def test_a_threshold_that_nothing_passes_leaves_the_calls_in_any_case(pipeline: Pipeline) -> None:
    assert deep_of(ran(pipeline, with_rule("noise", 1e6, STEPS))) == (0,)


def test_the_second_request_decides_afresh(pipeline: Pipeline, threshold: float) -> None:
    first, second = (ran(pipeline, with_rule("latents", threshold, STEPS)) for _ in range(2))

    assert deep_of(first) == deep_of(second)


def test_the_device_s_loop_refuses_a_rule_and_auto_takes_the_host_s(bundle_folder: Path, pipeline: Pipeline) -> None:
    spec = with_rule("noise", 0.01, 4)
    auto, device = (open_bundle(bundle_folder, OwnMemory(), loop=loop) for loop in ("auto", "device"))

    assert auto.components.device_loop is not None
    assert deep_of(ran(auto, spec)) == deep_of(ran(pipeline, spec))
    with pytest.raises(InputError, match="its rule decides on the host as the loop runs"):
        device.denoise(REQUEST, device.compile(spec))
