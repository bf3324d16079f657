"""Pictures from a real GPU provider beside those of the CPU."""

from pathlib import Path

import numpy as np
import pytest
from tests.overflow import overflowing_plan

from accel_runtime import Pipeline, open_bundle
from accel_runtime.backends import Backend, OnnxRuntimeBackend
from accel_runtime.errors import NumericsError
from accel_runtime.plans.forecast import Forecast
from accel_runtime.request import Request

# WebGPU promises sines to 2^-11 only; the timestep's embedding is made of them. Seen: 1.3e-5.
LATENTS = 1e-4
STEPS = 5


def differences(found: Pipeline, expected: Pipeline, request: Request, **plan: object) -> tuple[float, int]:
    """Largest difference of the latents, relative, and of any pixel's level."""
    chosen = found.plan(STEPS, **plan)  # type: ignore[arg-type]  # a test's shorthand
    drawn, reference = found.generate(request, chosen), expected.generate(request, chosen)
    relative = np.abs(drawn.latents - reference.latents).max() / np.abs(reference.latents).max()
    return float(relative), int(np.abs(drawn.images.astype(int) - reference.images).max())


@pytest.mark.parametrize("scheduler", ["ddim", "euler_a", "dpmpp_2m"])
@pytest.mark.parametrize("deep", ["full", "every:3"])
def test_schedulers_and_reuse_end_at_the_cpus_picture(
    on_device: Pipeline, on_host: Pipeline, scheduler: str, deep: str
) -> None:
    forecast = Forecast.LINEAR if deep != "full" else Forecast.HOLD
    request = Request(("a cat",), seed=3)

    latents, level = differences(on_device, on_host, request, deep=deep, scheduler=scheduler, forecast=forecast)

    assert latents <= LATENTS
    assert level <= 1


def test_an_image_to_start_from_ends_at_the_cpus_picture(on_device: Pipeline, on_host: Pipeline) -> None:
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    request = Request(("a cat",), seed=3, image=image)

    latents, level = differences(on_device, on_host, request, deep="every:3", scheduler="ddim", strength=0.6)

    assert latents <= LATENTS
    assert level <= 1


def test_a_batch_with_negative_prompts_ends_at_the_cpus_pictures(on_device: Pipeline, on_host: Pipeline) -> None:
    request = Request(("a cat", "a dog"), negatives=("rain", "snow"), seed=3)

    latents, level = differences(on_device, on_host, request, deep="every:3", scheduler="ddim")

    assert latents <= LATENTS
    assert level <= 1


def test_sizes_change_in_one_process_and_back(on_device: Pipeline, on_host: Pipeline) -> None:
    for height, width in ((24, 16), (16, 16)):
        request = Request(("a cat",), seed=3, height=height, width=width)

        assert differences(on_device, on_host, request, deep="every:3", scheduler="ddim")[0] <= LATENTS


def test_a_plan_that_guides_some_calls_only_works_on_rows_of_the_buffers(
    on_device: Pipeline, on_host: Pipeline
) -> None:
    request = Request(("a cat",), seed=3)

    latents, _ = differences(on_device, on_host, request, deep="every:2", scheduler="ddim", guided_calls=(0, 1))

    assert latents <= LATENTS


def test_two_bundles_are_drawn_at_once(bundles: Path, on_device: Pipeline, device: Backend) -> None:
    pair = on_device, open_bundle(bundles / "other", device)
    request = Request(("a cat",), seed=3)
    plan = on_device.plan(2, "every:2", scheduler="ddim")
    alone = [each.generate(request, plan).latents for each in pair]
    loops = [each.denoise(request, plan) for each in pair]
    last = list(zip(*loops, strict=True))[-1]

    assert np.abs(alone[0] - alone[1]).max() > 0.1
    for expected, step in zip(alone, last, strict=True):
        np.testing.assert_array_equal(step.latents, expected)


def test_two_requests_of_one_pipeline_take_turns_without_mixing(on_device: Pipeline) -> None:
    plan = on_device.plan(2, "every:2", scheduler="ddim")
    requests = [Request(("a cat",), seed=3), Request(("a dog",), seed=4)]
    alone = [on_device.generate(request, plan).latents for request in requests]

    loops = [on_device.denoise(request, plan) for request in requests]
    last = list(zip(*loops, strict=True))[-1]

    for expected, step in zip(alone, last, strict=True):
        np.testing.assert_array_equal(step.latents, expected)


def test_calls_that_are_captured_and_replayed_draw_the_same_picture(bundles: Path, provider: str) -> None:
    backend = OnnxRuntimeBackend(provider, options={"enableGraphCapture": "1"})
    captured = open_bundle(bundles / "small", backend)
    plain = open_bundle(bundles / "small")
    for seed in (3, 4):  # the second is all replay
        request = Request(("a cat",), seed=seed)

        assert differences(captured, plain, request, deep="every:3", scheduler="ddim")[0] <= LATENTS
    placement = captured.describe().placement
    assert placement["unet/deep.onnx"].captured
    assert not placement["text_encoder/model.onnx"].captured


def test_latents_that_are_no_numbers_are_named_with_their_call(on_device: Pipeline) -> None:
    plan = overflowing_plan(on_device, STEPS)

    with pytest.raises(NumericsError, match=r"call 3 \(shallow"):
        on_device.generate(Request(("a cat",)), plan)


def test_the_built_in_models_picture_from_reused_features_is_the_cpus(bundles: Path, device: Backend) -> None:
    found, expected = open_bundle(bundles / "built-in", device), open_bundle(bundles / "built-in")
    request = Request(("red apple on a blue background",), seed=0)

    latents, level = differences(
        found, expected, request, deep="every:3", scheduler="ddim", forecast=Forecast.LINEAR, guidance=4.0
    )

    assert latents <= 1e-3
    assert level <= 2
