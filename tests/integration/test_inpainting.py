"""A part of a picture is drawn anew as diffusers' pipelines draw it, whether the UNet takes a mask or not."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.exporter.families import SCHEDULERS_OF
from tests.integration.both import drawn
from tests.integration.inpainting import CAT, HEIGHT, MASK, PICTURE, SMALL, WIDTH, difference, pair
from tests.own_memory import OwnMemory

from accel_exporter.check import relative_error
from accel_runtime import Pipeline, open_bundle
from accel_runtime.bundle.dims import resolve
from accel_runtime.denoising.encoding import encode_images
from accel_runtime.denoising.noise import TorchGenerator

CLOSE = 1e-5
TWO = replace(CAT, prompts=("a cat", "a dog"), negatives=("a bird", "fog"))
# Of a scheduler with a memory, bundles have tables from noise alone.
FROM_PICTURES = ("ddim", "euler", "euler_a", "lcm")


def runs() -> Iterator[tuple[str, str, float]]:
    """Models with a scheduler and a strength; `tests/parity` has others from noise alone."""
    yield from ((SMALL, each, 1.0) for each in ("pndm", "lcm"))
    blended = ("ddim", "euler_a", "lcm")
    for model in ("inpaint", SMALL, "sdxl", "sdxl-inpaint"):
        schedulers = blended if model == SMALL else SCHEDULERS_OF[model]
        yield from ((model, each, 0.6) for each in schedulers if each in FROM_PICTURES)


@pytest.mark.parametrize(("model", "scheduler", "strength"), runs())
def test_a_guided_batch_with_negative_prompts_ends_at_diffusers_latents(
    model: str, scheduler: str, strength: float
) -> None:
    assert difference(model, scheduler, TWO, guidance=5.0, strength=strength) <= CLOSE


OTHER_PICTURE, OTHER_MASK = 255 - PICTURE, 255 - MASK[::-1]
BATCHES: dict[str, dict[str, Any]] = {
    "masks": {"mask": np.stack([MASK, OTHER_MASK])},
    "pictures": {"image": np.stack([PICTURE, OTHER_PICTURE])},
    "pairs": {"image": np.stack([PICTURE, OTHER_PICTURE]), "mask": np.stack([MASK, OTHER_MASK])},
}


@pytest.mark.parametrize("strength", [1.0, 0.6])
@pytest.mark.parametrize("model", ["inpaint", SMALL])
@pytest.mark.parametrize("case", BATCHES)
def test_a_batch_of_masks_or_of_pictures_is_diffusers(case: str, model: str, strength: float) -> None:
    assert difference(model, "euler_a", replace(TWO, **BATCHES[case]), guidance=5.0, strength=strength) <= CLOSE


def test_a_scheduler_with_a_memory_that_starts_in_the_middle_keeps_the_picture_as_in_diffusers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from accel_exporter.schedules import compile_for
    from accel_runtime import PlanSpec, compile_plan

    ours = pair(SMALL).ours
    (table,) = compile_for(ours.bundle, "dpmpp_2m", steps=(4,), strength=0.6).tables
    plan = compile_plan(PlanSpec(deep="full"), table, guidance=5.0)
    monkeypatch.setattr(Pipeline, "plan", lambda *_, **__: plan)

    assert difference(SMALL, "dpmpp_2m", TWO, guidance=5.0, strength=0.6) <= CLOSE


def test_what_stays_is_the_pictures_own_state() -> None:
    ours = pair(SMALL).ours
    latents = drawn(ours, "ddim", CAT, guidance=5.0)
    own = encode_images(ours.components, PICTURE[np.newaxis], [TorchGenerator(3)])
    stays = MASK[::2, ::2] < 128

    np.testing.assert_array_equal(latents[:, :, stays], own[:, :, stays])
    assert not np.isclose(latents[:, :, ~stays], own[:, :, ~stays]).all(axis=1).any()


def test_a_loop_on_the_device_gives_way_to_one_that_can_blend() -> None:
    ours = pair(SMALL).ours
    on_device = open_bundle(ours.bundle.folder, OwnMemory())
    plan: dict[str, Any] = {"guidance": 5.0, "deep": "every:2", "forecast": "linear"}

    assert relative_error(drawn(on_device, "ddim", CAT, **plan), drawn(ours, "ddim", CAT, **plan)) <= CLOSE


def test_a_loop_on_the_device_runs_a_unet_that_takes_the_mask() -> None:
    ours = pair("inpaint").ours
    on_device = open_bundle(ours.bundle.folder, OwnMemory())

    assert relative_error(drawn(on_device, "ddim", CAT, guidance=5.0), drawn(ours, "ddim", CAT, guidance=5.0)) <= CLOSE


@pytest.mark.parametrize("model", ["inpaint", SMALL])
def test_noise_may_be_given_beside_a_masked_picture(model: str) -> None:
    noise = np.random.default_rng(5).standard_normal((1, 4, HEIGHT // 2, WIDTH // 2)).astype(np.float32)

    assert difference(model, "ddim", replace(CAT, latents=noise), guidance=5.0) <= CLOSE


def test_other_loaders_give_the_unet_one_sample_of_nine_channels() -> None:
    import onnxruntime

    ours = pair("inpaint").ours
    folder, rng = ours.bundle.folder / "unet", np.random.default_rng(0)
    shapes = {tensor.name: tensor.shape for tensor in ours.bundle.manifest.deep.inputs}
    sizes = {"batch": 2, "latent_height": 8, "latent_width": 12, "timesteps": 1}
    given = {name: rng.standard_normal(resolve(shape, sizes)).astype(np.float32) for name, shape in shapes.items()}
    parts = ("sample", "mask", "masked_image_latents")
    joined = {name: values for name, values in given.items() if name not in parts}
    joined["sample"] = np.concatenate([given[name] for name in parts], axis=1)

    deep, whole = (onnxruntime.InferenceSession(folder / name) for name in ("deep.onnx", "model.onnx"))

    np.testing.assert_array_equal(whole.run(["out_sample"], joined)[0], deep.run(["out_sample"], given)[0])
