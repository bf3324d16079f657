"""The loop by graphs on the device gives the latents of the loop in numpy."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.overflow import overflowing_plan
from tests.own_memory import OwnMemory

from accel_exporter.check import relative_error
from accel_exporter.schedules import SCHEDULERS
from accel_runtime import Pipeline, PlanSpec, Request, compile_plan, open_bundle
from accel_runtime.backends.onnxruntime.memory import OrtBuffer
from accel_runtime.errors import BundleError, NumericsError
from accel_runtime.plans.forecast import Forecast

STEPS = 8
BUNDLED = tuple(name for name, choice in SCHEDULERS.items() if choice.bundled)


@pytest.fixture(scope="module")
def on_device(bundle_folder: Path) -> Pipeline:
    """The bundle on such a backend."""
    return open_bundle(bundle_folder, OwnMemory())


def plan_of(pipeline: Pipeline, scheduler: str, **options: Any) -> Any:
    schedule = pipeline.schedule(STEPS, scheduler, strength=options.pop("strength", None))
    guidance = {"guidance": options.pop("guidance", 7.5), "guidance_rescale": options.pop("guidance_rescale", 0.0)}
    return compile_plan(PlanSpec(**({"deep": "full"} | options)), schedule, **guidance)


@pytest.mark.parametrize("scheduler", BUNDLED)
def test_every_scheduler_ends_at_the_same_latents(pipeline: Pipeline, on_device: Pipeline, scheduler: str) -> None:
    request = Request(("a cat", "a dog"), negatives=("x",), seed=4)
    plan = plan_of(pipeline, scheduler, guidance_rescale=0.4)

    found, expected = (each.generate(request, plan) for each in (on_device, pipeline))

    assert relative_error(found.latents, expected.latents) <= 1e-5
    assert np.abs(found.images.astype(int) - expected.images).max() <= 1


PLANS: dict[str, dict[str, Any]] = {
    "no guidance": {"guidance": 1.0, "deep": (0, 3)},
    "hold": {"deep": (0, 3, 5)},
    "linear on a deeper branch": {"deep": (0, 2, 4), "forecast": Forecast.LINEAR, "branch": 2},
    "quadratic": {"deep": (0, 1, 2, 5), "forecast": Forecast.QUADRATIC},
    "one feature, made weaker": {"deep": (0,), "weights": {2: (0.5,)}, "branch": 2},
    "a guidance window": {
        "deep": (0, 2, 5),
        "forecast": Forecast.LINEAR,
        "guided_calls": (0, 3),
    },
}


@pytest.mark.parametrize("name", PLANS)
def test_every_kind_of_plan_ends_at_the_same_latents(pipeline: Pipeline, on_device: Pipeline, name: str) -> None:
    request, plan = Request(("a cat",), seed=4), plan_of(pipeline, "ddim", **PLANS[name])

    found, expected = (each.generate(request, plan) for each in (on_device, pipeline))

    assert relative_error(found.latents, expected.latents) <= 1e-5


def test_an_image_to_start_from_ends_at_the_same_latents(pipeline: Pipeline, on_device: Pipeline) -> None:
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    request, plan = Request(("a cat",), seed=4, image=image), plan_of(pipeline, "euler_a", strength=0.6)

    found, expected = (each.generate(request, plan) for each in (on_device, pipeline))

    assert relative_error(found.latents, expected.latents) <= 1e-5


def test_latents_can_be_watched_on_the_way(pipeline: Pipeline, on_device: Pipeline) -> None:
    request, plan = Request(("a cat",), seed=4), plan_of(pipeline, "dpmpp_2m", deep=(0, 2))

    watched = [step.latents for step in on_device.denoise(request, plan)]

    for found, step in zip(watched, pipeline.denoise(request, plan), strict=True):
        assert relative_error(found, step.latents) <= 1e-5


@pytest.mark.parametrize("where", ["host", "device"])
def test_two_requests_take_turns_without_mixing_and_the_next_finds_their_buffers(
    pipeline: Pipeline, on_device: Pipeline, where: str
) -> None:
    drawn = on_device if where == "device" else pipeline
    plan = plan_of(drawn, "ddim", deep=(0, 2), forecast=Forecast.LINEAR)
    requests = [Request(("a cat",), seed=4), Request(("a dog",), seed=5)]
    alone = [drawn.generate(request, plan).latents for request in requests]

    loops = [drawn.denoise(request, plan) for request in requests]
    together = list(zip(*loops, strict=True))[-1]
    again = [drawn.generate(request, plan).latents for request in requests]

    for expected, step, repeated in zip(alone, together, again, strict=True):
        np.testing.assert_array_equal(step.latents, expected)
        np.testing.assert_array_equal(repeated, expected)


def test_a_request_that_is_left_early_does_not_spoil_the_next(on_device: Pipeline) -> None:
    plan = plan_of(on_device, "dpmpp_2m", deep=(0, 2))
    request = Request(("a cat",), seed=4)
    expected = on_device.generate(request, plan).latents
    left = on_device.denoise(Request(("a dog",), seed=9), plan)
    next(left)
    left.close()  # type: ignore[attr-defined]  # a generator

    np.testing.assert_array_equal(on_device.generate(request, plan).latents, expected)


def test_nothing_crosses_to_the_host_between_the_first_call_and_the_last(
    on_device: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(on_device, "dpmpp_2m_sde", deep=(0, 2, 5), forecast=Forecast.LINEAR)
    crossings: list[str] = []
    steps = on_device.denoise(Request(("a cat",), seed=4), plan)
    next(steps)
    for name in ("read", "write"):
        original = getattr(OrtBuffer, name)

        def noted(self: OrtBuffer, *values: Any, name: str = name, original: Any = original) -> Any:
            crossings.append(name)
            return original(self, *values)

        monkeypatch.setattr(OrtBuffer, name, noted)

    for _ in range(len(plan.calls) - 2):
        next(steps)
    assert crossings == []
    last = next(steps)
    assert crossings == ["read", "read"]  # the number of the first bad call, and the latents
    assert np.isfinite(last.latents).all()


def test_latents_that_are_no_numbers_are_reported_with_the_call_that_made_them(on_device: Pipeline) -> None:
    plan = overflowing_plan(on_device, STEPS)

    with pytest.raises(NumericsError, match=r"call 3 \(shallow"):
        on_device.generate(Request(("a cat",)), plan)


def test_a_bundle_without_the_graphs_runs_on_the_host_unless_the_device_is_asked_for(
    on_device: Pipeline, pipeline: Pipeline
) -> None:
    older = msgspec.structs.replace(on_device.bundle.manifest, loop=None)
    bundle = replace(on_device.bundle, manifest=older)
    request, plan = Request(("a cat",), seed=4), plan_of(pipeline, "ddim", deep=(0, 2), forecast=Forecast.LINEAR)

    found = Pipeline(bundle, OwnMemory()).generate(request, plan)

    assert relative_error(found.latents, pipeline.generate(request, plan).latents) <= 1e-6
    with pytest.raises(BundleError, match="export the bundle again"):
        Pipeline(bundle, OwnMemory(), loop="device").generate(request, plan)
