"""The model that the package brings: it draws what it is asked for, and ours is diffusers' picture of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from accel_bench.quality.captions import Caption, evaluation_captions
from accel_bench.quality.colour import colour_accuracy
from accel_bench.quality.emoji_clip import EmojiClip
from accel_exporter import ExportOptions, export_bundle, open_source
from accel_exporter.sources.random_weights import ARCHITECTURES
from accel_runtime import Pipeline, Request, open_bundle

STEPS = 12
GUIDANCE = 4.0
COUNT = 24


@pytest.fixture(scope="module")
def built_in(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    target = tmp_path_factory.mktemp("built-in") / "tiny"
    for _ in export_bundle(open_source("tiny"), target, options=ExportOptions(branches=(0,), max_steps=STEPS)):
        pass
    return open_bundle(target)


@pytest.fixture(scope="module")
def captions() -> tuple[Caption, ...]:
    return evaluation_captions(COUNT, seed=0)


@pytest.fixture(scope="module")
def drawn(built_in: Pipeline, captions: tuple[Caption, ...]) -> NDArray[np.uint8]:
    plan = built_in.plan(STEPS, scheduler="ddim", guidance=GUIDANCE)
    return built_in.generate(Request(tuple(each.caption for each in captions)), plan).images


def test_backgrounds_have_the_colours_that_were_asked_for_on_objects_never_seen_with_them(
    drawn: NDArray[np.uint8], captions: tuple[Caption, ...]
) -> None:
    assert colour_accuracy(drawn, tuple(each.colour for each in captions)) >= 0.95


def test_pictures_fit_their_own_captions_better_than_each_others(
    drawn: NDArray[np.uint8], captions: tuple[Caption, ...]
) -> None:
    scores = EmojiClip.open().matrix(drawn, [each.caption for each in captions])
    others = scores[~np.eye(COUNT, dtype=bool)]
    assert np.diagonal(scores).mean() > others.mean() + 20


def test_the_same_seed_is_diffusers_picture(built_in: Pipeline) -> None:
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    loader: Any = StableDiffusionPipeline
    pipe = loader.from_pretrained(ARCHITECTURES / "tiny", variant="fp16", dtype=torch.float32)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    expected = pipe(
        "owl on a pink background",
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        generator=torch.Generator("cpu").manual_seed(5),
        output_type="np",
    ).images
    plan = built_in.plan(STEPS, scheduler="ddim", guidance=GUIDANCE)
    images = built_in.generate(Request(("owl on a pink background",), seed=5), plan).images
    assert np.abs(images - (expected * 255).round()).max() <= 1


def test_nothing_is_written_beside_the_shipped_weights(built_in: Pipeline) -> None:
    names = {path.name for path in Path(ARCHITECTURES / "tiny").iterdir()}
    assert names == {
        "LICENSES.md",
        "model_index.json",
        "scheduler",
        "text_encoder",
        "tokenizer",
        "unet",
        "vae",
    }
    assert built_in.bundle.manifest.provenance.weights == "trained"
