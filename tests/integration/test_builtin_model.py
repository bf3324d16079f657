"""The model that the package brings: it draws what it is asked for, and ours is diffusers' picture of it."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from tests.bench.codegen.lab import run_here, write_lab
from tests.bundles import kept_bundle

from accel_bench.codegen import Defaults, Target, generate_script
from accel_bench.plans.prepare import Settings, compile_for
from accel_bench.quality.captions import evaluation_captions
from accel_bench.quality.colour import colour_accuracy
from accel_bench.quality.emoji_clip import EmojiClip
from accel_bench.quality.psnr import psnr
from accel_bench.records.captions import Caption
from accel_exporter import ExportOptions
from accel_exporter.sources.shipped import ARCHITECTURES
from accel_runtime import Pipeline, Request, open_bundle
from accel_runtime.plans.spec import PlanSpec

STEPS = 12
GUIDANCE = 4.0
COUNT = 24
PROMPT = "owl on a pink background"


@pytest.fixture(scope="module")
def built_in() -> Pipeline:
    return open_bundle(kept_bundle("tiny", "tiny", ExportOptions(branches=(0,), schedulers=("ddim",), max_steps=50)))


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


@pytest.mark.parametrize(("guidance", "least"), [(7.5, 36.0), (4.0, 38.0)])
def test_the_plan_that_it_brings_draws_nearly_the_picture_of_50_calls_with_10(
    built_in: Pipeline, captions: tuple[Caption, ...], guidance: float, least: float
) -> None:
    request = Request(tuple(each.caption for each in captions[:8]), seed=100)
    fast = built_in.compile(built_in.named_plan("fast"), guidance=guidance)
    uncached = built_in.plan(50, scheduler="ddim", guidance=guidance)

    pictures = [built_in.generate(request, plan).images.astype(float) for plan in (fast, uncached)]

    errors = np.square(pictures[0] - pictures[1]).mean(axis=(1, 2, 3))
    assert len(fast.calls) == 10
    assert (psnr(errors.tolist()) or 0.0) >= least


def test_the_same_seed_is_diffusers_picture(built_in: Pipeline) -> None:
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    loader: Any = StableDiffusionPipeline
    pipe = loader.from_pretrained(ARCHITECTURES / "tiny", variant="fp16", dtype=torch.float32)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    expected = pipe(
        PROMPT,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        generator=torch.Generator("cpu").manual_seed(5),
        output_type="np",
    ).images
    plan = built_in.plan(STEPS, scheduler="ddim", guidance=GUIDANCE)
    images = built_in.generate(Request((PROMPT,), seed=5), plan).images
    assert np.abs(images - (expected * 255).round()).max() <= 1


def test_generated_scripts_draw_what_a_plan_of_weights_fewer_steps_and_guided_calls_draws(
    built_in: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    solved = PlanSpec(deep=(0, 2, 5), weights={3: (1.5, -0.5), 7: (1.25, -0.25)}, guided_calls=(0, 6))
    expected = picture_of(built_in, solved)
    choice = write_lab(
        tmp_path,
        "tiny",
        size=64,
        steps=10,
        guidance=GUIDANCE,
        plan="calls:0,2,5",
        weights="{ 3 = [1.5, -0.5], 7 = [1.25, -0.25] }",
        guided_calls="0-6",
    )

    for target, option, folder in (
        (Target.RUNTIME, "--bundle", built_in.bundle.folder),
        (Target.DIFFUSERS, "--model", ARCHITECTURES / "tiny"),
    ):
        Path("run.py").write_text(generate_script(choice, target, defaults=Defaults(), name="run.py"))
        arguments = (PROMPT, option, str(folder), "--seed", "5", "--output", f"{target}.png")
        run_here(Path("run.py"), *arguments, monkeypatch=monkeypatch)
        assert np.abs(expected - np.asarray(Image.open(f"{target}.png"))).max() <= 2

    for other in (msgspec.structs.replace(solved, weights={}), msgspec.structs.replace(solved, guided_calls=None)):
        assert np.abs(expected - picture_of(built_in, other)).max() > 10


def picture_of(pipeline: Pipeline, spec: PlanSpec) -> NDArray[np.int64]:
    """Signed, so that differences do not wrap."""
    plan = compile_for(pipeline, spec, settings=Settings(steps=10, scheduler="ddim", guidance=GUIDANCE, batch=1))
    pixels: NDArray[np.int64] = pipeline.generate(Request((PROMPT,), seed=5), plan).images[0].astype(np.int64)
    return pixels


def test_nothing_is_written_beside_the_shipped_weights(built_in: Pipeline) -> None:
    names = {path.name for path in Path(ARCHITECTURES / "tiny").iterdir()}
    assert names == {
        "LICENSES.md",
        "model_index.json",
        "plans",
        "scheduler",
        "text_encoder",
        "tokenizer",
        "unet",
        "vae",
    }
    assert built_in.bundle.manifest.provenance.weights == "trained"
