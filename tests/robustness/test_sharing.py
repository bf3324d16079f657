"""One pipeline in many hands: threads, forks, and a service that never stops."""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from accel_runtime import Pipeline, Request, open_bundle

_PLANS = ("full", "every:2", "every:3")


def draw(pipeline: Pipeline, number: int) -> NDArray[np.uint8]:
    """Picture ``number``: another prompt, another plan and another size than its neighbours."""
    plan = pipeline.plan(3, _PLANS[number % 3], scheduler="euler")
    width = pipeline.bundle.manifest.state.multiple * (1 + number % 2)
    request = Request(prompts=(f"picture {number}",), seed=number, height=width, width=width)
    return pipeline.generate(request, plan).images


@pytest.fixture(scope="module")
def alone(bundle_folder: Path) -> Sequence[NDArray[np.uint8]]:
    """Pictures drawn one after another."""
    pipeline = open_bundle(bundle_folder)
    return [draw(pipeline, number) for number in range(7)]


@pytest.mark.parametrize(("provider", "low_memory"), [("cpu", False), ("cpu", True), ("openvino:f32", False)])
def test_threads_that_share_a_pipeline_draw_what_each_would_draw_alone(
    bundle_folder: Path, provider: str, *, low_memory: bool
) -> None:
    serial = open_bundle(bundle_folder, provider=provider)
    expected = [draw(serial, number) for number in range(6)]
    pipeline = open_bundle(bundle_folder, provider=provider, low_memory=low_memory)

    with ThreadPoolExecutor(max_workers=3) as pool:
        drawn = list(pool.map(lambda number: draw(pipeline, number), range(6)))

    for made, right in zip(drawn, expected, strict=True):
        np.testing.assert_array_equal(made, right)


def test_two_generators_of_one_pipeline_may_take_turns(bundle_folder: Path, alone: Sequence[NDArray[np.uint8]]) -> None:
    pipeline = open_bundle(bundle_folder)
    plan = pipeline.plan(3, "full", scheduler="euler")
    size = pipeline.bundle.manifest.state.multiple
    both = [
        pipeline.denoise(Request(prompts=(f"picture {number}",), seed=number, height=size, width=size), plan)
        for number in (0, 6)
    ]

    last = [latents for pair in zip(*both, strict=True) for latents in (step.latents.copy() for step in pair)][-2:]

    for latents, number in zip(last, (0, 6), strict=True):
        np.testing.assert_array_equal(pipeline.decode(latents), alone[number])


def test_a_fork_of_a_pipeline_that_has_drawn_draws_the_same(
    bundle_folder: Path, alone: Sequence[NDArray[np.uint8]]
) -> None:
    pipeline = open_bundle(bundle_folder)
    draw(pipeline, 0)
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe()
    child = fork.Process(target=lambda: there.send(draw(pipeline, 1)), daemon=True)
    child.start()

    assert here.poll(60), "the child hangs"
    np.testing.assert_array_equal(here.recv(), alone[1])
    child.join()
    np.testing.assert_array_equal(draw(pipeline, 2), alone[2])


def test_a_service_keeps_only_the_prompts_that_it_used_last(
    bundle_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accel_runtime.pipeline._PROMPTS_KEPT", 3)
    pipeline = open_bundle(bundle_folder)

    for number in range(10):
        pipeline.condition(Request((f"picture {number}",)), guided=False)

    assert pipeline._encoded.cache_info().currsize == 3
