"""What the denoiser is given of a request: text of several encoders, pooled text, sizes, or nothing at all."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.runtime.denoising.hand_made import SIDE, WIDTH, make_bundle

from accel_runtime import Pipeline, Request, open_bundle
from accel_runtime.errors import BundleError, InputError
from accel_runtime.manifest import FromSizes, FromText, Input, TextOutput
from accel_runtime.request import Framing

BOTH = FromText(outputs=(TextOutput(encoder="first", tensor="hidden"), TextOutput(encoder="second", tensor="hidden")))
POOLED = FromText(outputs=(TextOutput(encoder="second", tensor="pooled"),))
INPUTS = (
    Input(name="text", source=BOTH, negative="negative"),
    Input(name="pooled", source=POOLED, negative="zeros"),
    Input(name="sizes", source=FromSizes()),
)


@pytest.fixture(scope="module")
def sdxl(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A model of SDXL's kind: two text encoders, pooled text and sizes."""
    folder = tmp_path_factory.mktemp("families") / "sdxl"
    return open_bundle(make_bundle(folder, bundle_folder, inputs=INPUTS, texts=("first", "second"), noise="noise"))


@pytest.fixture(scope="module")
def unconditional(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A model that takes no prompt and is never guided."""
    folder = tmp_path_factory.mktemp("families") / "unconditional"
    return open_bundle(make_bundle(folder, bundle_folder, guidance="none", noise="noise"))


def ids_of(pipeline: Pipeline, prompt: str) -> NDArray[np.float32]:
    first, second = pipeline.tokenize(prompt)
    assert first.ids.tolist() == second.ids.tolist()
    return first.ids.astype(np.float32)


def test_text_of_two_encoders_is_joined_on_the_last_axis_and_repeated_for_every_image(sdxl: Pipeline) -> None:
    given = sdxl.condition(Request(("a cat", "a dog"), images_per_prompt=2), guided=True)
    cat, dog, nothing = (ids_of(sdxl, prompt) for prompt in ("a cat", "a dog", ""))
    factors = np.array([1.0] * WIDTH + [2.0] * WIDTH, np.float32)

    np.testing.assert_array_equal(given.prompt["text"], [np.outer(ids, factors) for ids in (cat, cat, dog, dog)])
    assert given.negative is not None
    np.testing.assert_array_equal(given.negative["text"], [np.outer(nothing, factors)] * 4)
    assert given.rows("text").shape == (8, len(cat), 2 * WIDTH)


def test_pooled_text_has_no_length_and_an_empty_negative_prompt_is_zeros(sdxl: Pipeline) -> None:
    given = sdxl.condition(Request(("a cat", "a dog"), negatives=("", "a dog")), guided=True)
    cat, dog = (np.full(WIDTH, 2 * ids_of(sdxl, prompt).mean()) for prompt in ("a cat", "a dog"))

    assert given.negative is not None
    np.testing.assert_allclose(given.prompt["pooled"], [cat, dog], rtol=1e-6)
    np.testing.assert_allclose(given.negative["pooled"], [np.zeros(WIDTH), dog], rtol=1e-6)


def test_sizes_are_those_of_a_whole_picture_unless_the_request_says_how_it_is_framed(sdxl: Pipeline) -> None:
    whole = Request(("a cat",), images_per_prompt=2, height=16, width=32)
    framed = replace(whole, framing=Framing((64, 80), (3, 5), (16, 40)))

    given = sdxl.condition(whole, guided=True)
    assert given.rows("sizes").tolist() == [[16, 32, 0, 0, 16, 32]] * 4
    assert sdxl.condition(framed, guided=True).rows("sizes").tolist() == [[64, 80, 3, 5, 16, 40]] * 4


def test_every_input_reaches_both_passes(sdxl: Pipeline) -> None:
    request = Request(("a cat",))
    given = sdxl.condition(request, guided=True)
    unet = sdxl.unet((0,), latent_shape=(1, 3, SIDE, SIDE), conditioning=given)
    sample = np.full((1, 3, SIDE, SIDE), 5.0, np.float32)
    added = sum(given.rows(each.name).reshape(2, -1).sum(axis=1) for each in INPUTS)

    unet.prepare(sample, 1.0)
    feature = unet.new_feature(0)
    unet.deep({0: feature}, guided=True)
    deep = unet.noise(guided=True).read().copy()
    feature.write(np.full(feature.shape, 7.0, np.float32))
    unet.shallow(0, feature, guided=True)

    np.testing.assert_allclose(deep[:, 0, 0, 0], 0.5 + added, rtol=1e-5)
    np.testing.assert_allclose(unet.noise(guided=True).read()[:, 0, 0, 0], 0.7 + added, rtol=1e-5)


@pytest.mark.parametrize("change", [{"prompts": ("a dog",)}, {"negatives": ("a dog",)}, {"width": 16}])
def test_pictures_depend_on_all_that_is_given(sdxl: Pipeline, change: dict[str, Any]) -> None:
    plan, request = sdxl.plan(4, "every:2", guidance=4.0), Request(("a cat",), height=SIDE)
    latents = sdxl.generate(request, plan).latents

    assert not np.allclose(sdxl.generate(replace(request, **change), plan).latents[..., :SIDE], latents, rtol=1e-3)


def test_a_model_without_prompt_draws_pictures_of_its_state(unconditional: Pipeline) -> None:
    plan = unconditional.plan(4, "every:2", guidance=1.0)

    drawn = unconditional.generate(Request(("",), images_per_prompt=2, seed=3), plan)

    assert unconditional.tokenize("a cat") == ()
    assert drawn.images.shape == (2, SIDE, SIDE, 3)
    expected = (np.clip(drawn.latents / 2 + 0.5, 0, 1) * 255).round().astype(np.uint8)
    np.testing.assert_array_equal(drawn.images, expected.transpose(0, 2, 3, 1))
    assert list(unconditional.components.open_all()) == ["whole", "outer"]


@pytest.mark.parametrize(
    ("request_", "guidance", "message"),
    [
        (Request(("a cat",)), 1.0, "prompt: the model takes none: leave prompts empty"),
        (Request(("",), negatives=("a cat",)), 1.0, "prompt: the model takes none"),
        (Request(("",)), 4.0, "guidance: the model cannot be guided: set it to 1"),
        (
            Request(("",), framing=Framing((8, 8), (0, 0), (8, 8))),
            1.0,
            "framing: the model takes no sizes: leave it out",
        ),
    ],
)
def test_what_such_a_model_does_not_take_is_refused(
    unconditional: Pipeline, request_: Request, guidance: float, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        unconditional.generate(request_, unconditional.plan(4, guidance=guidance))


def test_without_an_encoder_no_picture_can_be_started_from(unconditional: Pipeline) -> None:
    plan = unconditional.plan(4, guidance=1.0, strength=0.5)
    image = np.zeros((SIDE, SIDE, 3), np.uint8)

    with pytest.raises(InputError, match="the bundle has no encoder: start from noise"):
        unconditional.generate(Request(("",), image=image), plan)


@pytest.mark.parametrize(("original", "crop"), [((0, 8), (0, 0)), ((8, 8), (-1, 0)), ((8, 2**20), (0, 0))])
def test_sizes_of_no_picture_are_refused(original: tuple[int, int], crop: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="framing: expected"):
        Framing(original, crop, (8, 8))


def test_outputs_that_cannot_be_joined_are_refused_when_the_bundle_is_opened(
    bundle_folder: Path, tmp_path: Path
) -> None:
    mixed = FromText(outputs=(*BOTH.outputs[:1], *POOLED.outputs))
    inputs = (Input(name="text", source=mixed, negative="negative"),)
    folder = make_bundle(tmp_path / "mixed", bundle_folder, inputs=inputs, texts=("first", "second"), noise="noise")

    with pytest.raises(BundleError, match="text: expected outputs that differ in the last axis only"):
        open_bundle(folder)
