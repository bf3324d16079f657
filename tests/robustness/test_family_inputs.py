"""Bad input of each family is one line: of its folder before any weights are read, of a request before a call."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.bundles import family_bundle, family_source
from tests.command import accel, assert_refused
from tests.exporter.pipelines import TOKENS

from accel_exporter import ExportOptions, export_bundle
from accel_exporter.sources import open_folder
from accel_runtime import Pipeline, Request, open_bundle
from accel_runtime.errors import AccelError, InputError, SourceError
from accel_runtime.request import Framing

INDEX, UNET = "model_index.json", "unet/config.json"
UNFIT: dict[str, tuple[str, str, dict[str, object], str]] = {
    "no second text encoder": (
        "sdxl",
        INDEX,
        {"text_encoder_2": [None, None]},
        "component 'text_encoder_2' is missing",
    ),
    "a tokenizer without its text encoder": (
        "sdxl",
        INDEX,
        {"text_encoder": [None, None]},
        "component 'text_encoder' is missing",
    ),
    "a second text encoder without a projection": (
        "sdxl",
        INDEX,
        {"text_encoder_2": ["transformers", "CLIPTextModel"]},
        "'text_encoder_2' is a CLIPTextModel, not supported yet",
    ),
    "one time id less": (
        "sdxl",
        INDEX,
        {"requires_aesthetics_score": True},
        "expected 28, 5 time ids of 4 and the pooled text's 8, got 32",
    ),
    "one time id more": (
        "refiner",
        INDEX,
        {"requires_aesthetics_score": False},
        "expected 32, 6 time ids of 4 and the pooled text's 8, got 28",
    ),
    "no pooled text": ("sdxl", UNET, {"addition_embed_type": None}, "addition_embed_type: expected 'text_time'"),
    "time ids of no width": ("sdxl", UNET, {"addition_time_embed_dim": None}, "addition_time_embed_dim: expected"),
    "text of one encoder": (
        "sdxl",
        UNET,
        {"cross_attention_dim": 16},
        "cross_attention_dim: expected 40, the sum of the text encoders' hidden_size, got 16",
    ),
    "prompts of two lengths": (
        "sdxl",
        "tokenizer_2/tokenizer_config.json",
        {"model_max_length": TOKENS - 2},
        f"tokenizer_2: model_max_length: expected {TOKENS}, the first tokenizer's",
    ),
    "latents with a mean": (
        "sdxl",
        "vae/config.json",
        {"latents_mean": [0.0] * 4, "latents_std": [1.0] * 4},
        "vae: latents_mean and latents_std: expected none",
    ),
    "a consistency model without guidance": (
        "lcm",
        UNET,
        {"time_cond_proj_dim": None},
        "time_cond_proj_dim: expected a number, as LatentConsistencyModelPipeline embeds the guidance",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_parts_that_do_not_fit_are_refused_before_any_weights_are_read(tmp_path: Path, case: str) -> None:
    family, file, changes, message = UNFIT[case]
    folder = tmp_path / "pipe"
    shutil.copytree(family_source(family), folder)
    for weights in folder.rglob("*.safetensors"):
        weights.write_bytes(b"not to be read")
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    with pytest.raises(AccelError) as caught:
        for _ in export_bundle(open_folder(folder, variant=None), tmp_path / "out", options=ExportOptions(max_steps=2)):
            pass

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("part", ["text_encoder_2", "tokenizer_2"])
def test_a_second_encoder_without_its_folder_is_named(tmp_path: Path, part: str) -> None:
    shutil.copytree(family_source("sdxl"), tmp_path / "pipe")
    shutil.rmtree(tmp_path / "pipe" / part)

    with pytest.raises(SourceError, match=f"component '{part}'"):
        open_folder(tmp_path / "pipe", variant=None)


@pytest.mark.parametrize(
    ("pipeline", "part"),
    [
        ("StableDiffusion3Pipeline", "transformer"),
        ("FluxPipeline", "transformer"),
        ("PixArtAlphaPipeline", "transformer"),
        ("StableCascadePriorPipeline", "prior"),
    ],
)
def test_what_has_no_unet_is_told_so_by_its_index_alone(tmp_path: Path, pipeline: str, part: str) -> None:
    index = {"_class_name": pipeline, part: ["diffusers", "SD3Transformer2DModel"], "vae": ["diffusers", "X"]}
    (tmp_path / INDEX).write_text(json.dumps(index))

    with pytest.raises(SourceError, match=f"'{pipeline}' denoises with a {part} and has no UNet to cut"):
        open_folder(tmp_path, variant=None)


@pytest.fixture
def sdxl() -> Pipeline:
    return open_bundle(family_bundle("sdxl"))


PAIRS = Framing((64, 80), (3, 5), (16, 40))
CAT = Request(("a cat",))
MISFRAMED: dict[str, tuple[str, Request, str]] = {
    "half of the negative sizes": (
        "sdxl",
        replace(CAT, negative_framing=Framing((64, 80))),
        "negative framing: expected an original and a target size",
    ),
    "a score for SDXL": (
        "sdxl",
        replace(CAT, framing=Framing(aesthetic_score=6.0)),
        "framing: the model takes no aesthetic score",
    ),
    "a target for the refiner": (
        "refiner",
        replace(CAT, framing=PAIRS),
        "takes an aesthetic score in place of a target",
    ),
    "sizes for Stable Diffusion 2": ("sd21", replace(CAT, framing=PAIRS), "framing: the model takes no sizes"),
    "a picture for a consistency model": (
        "lcm",
        replace(CAT, image=np.zeros((16, 16, 3), np.uint8)),
        "image: the bundle has no encoder",
    ),
}


@pytest.mark.parametrize("case", MISFRAMED)
def test_a_request_that_says_what_the_model_does_not_take_is_refused(case: str) -> None:
    family, request, message = MISFRAMED[case]
    pipeline = open_bundle(family_bundle(family))

    with pytest.raises(InputError, match=message):
        pipeline.generate(request, pipeline.plan(2, guidance=5.0))


@pytest.mark.parametrize("numbers", [(64,), (64, 64, 0), ()])
def test_sizes_are_two_numbers(numbers: Any) -> None:
    with pytest.raises(InputError, match="framing: expected two numbers, of height and width, got"):
        Framing(original_size=numbers)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), 1e9])
def test_a_score_is_a_number_of_a_sensible_size(score: float) -> None:
    with pytest.raises(InputError, match="framing: aesthetic score: expected"):
        Framing(aesthetic_score=score)


def test_a_consistency_model_has_one_guidance_for_all_calls() -> None:
    pipeline = open_bundle(family_bundle("lcm"))

    with pytest.raises(InputError, match="takes the guidance as an input of all calls"):
        pipeline.plan(2, guided_calls=(0, 1))
    with pytest.raises(InputError, match="guidance: the model takes it as an input: give a number"):
        pipeline.condition(CAT, guided=False)
    with pytest.raises(InputError, match="guidance: expected a finite number"):
        pipeline.plan(2, guidance=float("nan"))


def test_the_command_line_says_sizes_in_diffusers_order(tmp_path: Path, sdxl: Pipeline) -> None:
    command = ("generate", family_bundle("sdxl"), "a cat", "--steps", "2", "--latents-out")
    sizes = ("--original-size", "64", "80", "--crop", "3", "5", "--target-size", "16", "40")
    assert accel(*command, "plain.npy", "-o", "plain.png", cwd=tmp_path).returncode == 0
    assert accel(*command, "framed.npy", "-o", "framed.png", *sizes, cwd=tmp_path).returncode == 0
    wanted = sdxl.generate(replace(CAT, framing=PAIRS), sdxl.plan(2)).latents

    np.testing.assert_array_equal(np.load(tmp_path / "framed.npy"), wanted)
    assert not np.allclose(np.load(tmp_path / "plain.npy"), wanted, rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--original-size", "64"), "requires 2 arguments"),
        (("--original-size", "0", "64"), "framing: expected 1 to 16384 pixels, got 0"),
        (("--crop", "-1", "0"), "framing: expected a crop at 0 to 16384 pixels"),
        (("--negative-crop", "1", "1"), "negative framing: expected an original and a target size"),
        (("--aesthetic-score", "6"), "the model takes no aesthetic score"),
    ],
)
def test_bad_sizes_on_the_command_line_are_one_line(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    done = accel("generate", family_bundle("sdxl"), "a cat", "--steps", "2", *options, cwd=tmp_path)

    assert_refused(done, message)
