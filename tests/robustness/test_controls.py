"""Control images on the command line and ControlNets at export: what fits, and one line for what does not."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.bundles import family_bundle, family_source, kept_source, small_bundle
from tests.command import accel, assert_refused
from tests.integration.test_control import CAT, CONTROLS, HEIGHT, PICTURES

from accel_exporter import ExportOptions, export_bundle
from accel_exporter.sources import open_source
from accel_exporter.sources.fitness import check_fitness
from accel_runtime import Request, open_bundle
from accel_runtime.errors import AccelError, InputError, SourceError
from accel_runtime.request import Control

DRAW = ("a cat", "--steps", "2", "--scheduler", "ddim")
TWO = ("--control", "0.png", "--control", "1.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with control images."""
    for number, pixels in enumerate(PICTURES):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return tmp_path


def test_the_command_takes_an_image_a_scale_and_a_window_for_each_controlnet(folder: Path) -> None:
    numbers = ("--control-scale", "0.8", "--control-scale", "0.5", "--control-start", "0", "--control-end", "1")

    done = accel("generate", family_bundle("control"), *DRAW, *TWO, *numbers, "--latents-out", "out.npy", cwd=folder)

    assert done.returncode == 0, done.stderr
    pipeline = open_bundle(family_bundle("control"))
    wanted = pipeline.generate(replace(CAT, seed=0), pipeline.plan(2, scheduler="ddim")).latents
    np.testing.assert_array_equal(np.load(folder / "out.npy"), wanted)


BAD: dict[str, tuple[tuple[str, ...], str]] = {
    "no image": ((), "control: expected 2 images, one for each ControlNet of the model, got 0"),
    "one image": (("--control", "0.png"), "control: expected 2 images, one for each ControlNet of the model, got 1"),
    "three images": ((*TWO, "--control", "2.png"), "one for each ControlNet of the model, got 3"),
    "an image that is not there": (("--control", "0.png", "--control", "none.png"), "none.png: not a picture"),
    "three scales": ((*TWO, *("--control-scale", "1") * 3), "--control-scale: expected 1 number, or 2 for as many"),
    "a scale alone": (("--control-scale", "1"), "--control-scale is for --control: add the control image"),
    "no number": ((*TWO, "--control-scale", "nan"), "control scale: expected -1000 to 1000, got nan"),
    "an end before the start": (
        (*TWO, "--control-start", "0.5", "--control-end", "0.5"),
        "a start before its",
    ),
    "a start before the first call": ((*TWO, "--control-start", "-0.1"), "from 0 to 1, got -0.1 and 1.0"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_control_is_one_line(folder: Path, case: str) -> None:
    options, message = BAD[case]

    assert_refused(accel("generate", family_bundle("control"), *DRAW, *options, cwd=folder), message)


def test_a_model_without_a_controlnet_takes_no_control_image(folder: Path) -> None:
    done = accel("generate", small_bundle(), *DRAW, "--control", "0.png", cwd=folder)

    assert_refused(done, "control: the model has no ControlNet: leave the control image out, or export it with one")


REQUESTS: dict[str, tuple[Request, str]] = {
    "another size": (replace(CAT, height=HEIGHT, width=16), r"control image 0: expected uint8 \[16, 16, 3\]"),
    "of two sizes": (
        replace(CAT, controls=(CONTROLS[0], Control(PICTURES[0, :8]))),
        r"control image 1: expected uint8 \[16, 24, 3\]",
    ),
    "for another batch": (replace(CAT, controls=(CONTROLS[0], Control(PICTURES[:3]))), "or 1 of them, got"),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_control_images_are_as_large_as_the_picture(case: str) -> None:
    request, message = REQUESTS[case]
    pipeline = open_bundle(family_bundle("control"))

    with pytest.raises(InputError, match=message):
        pipeline.generate(request, pipeline.plan(2, guidance=5.0))


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """A ControlNet of the small pipeline's UNet in a folder of its own, its weights not to be read."""
    folder = tmp_path / "net"
    shutil.copytree(family_source("control") / "controlnet", folder)
    (folder / "diffusion_pytorch_model.safetensors").write_bytes(b"not to be read")
    return folder


def changed(**values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


UNFIT: dict[str, tuple[Callable[[Path], Any], str]] = {
    "of another UNet": (changed(block_out_channels=[16, 16]), "net: block_out_channels: expected [16, 32], the UNet's"),
    "of other text": (changed(cross_attention_dim=32), "net: cross_attention_dim: expected 16, the UNet's, got 32"),
    "in guess mode": (
        changed(global_pool_conditions=True),
        "global_pool_conditions: expected False, got True",
    ),
    "blue first": (changed(controlnet_conditioning_channel_order="bgr"), "channel_order: expected 'rgb', got 'bgr'"),
    "of another scale": (
        changed(conditioning_embedding_out_channels=[4, 8, 8]),
        "conditioning_embedding_out_channels: expected to scale the image by 2, as the VAE does, got 4",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_controlnet_that_does_not_fit_is_told_by_its_config(net: Path, case: str) -> None:
    change, message = UNFIT[case]
    source = open_source(str(kept_source()), controlnets=[net])
    change(net)

    with pytest.raises(AccelError) as caught:
        check_fitness(source)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


BROKEN: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no folder": (shutil.rmtree, "is not a folder: expected one with a ControlNet's config.json and weights"),
    "no config": (lambda net: (net / "config.json").unlink(), "is not a ControlNet's folder: it has no config.json"),
    "another model": (changed(_class_name="T2IAdapter"), "expected a ControlNetModel, got 'T2IAdapter'"),
    "no weights": (
        lambda net: (net / "diffusion_pytorch_model.safetensors").unlink(),
        "component 'net': expected net/diffusion_pytorch_model.safetensors (or .bin), got no weights",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_folder_that_is_no_controlnet_is_one_line(net: Path, case: str) -> None:
    damage, message = BROKEN[case]
    damage(net)

    with pytest.raises(SourceError) as caught:
        open_source(str(kept_source()), controlnets=[net])

    assert message in str(caught.value)


@pytest.mark.parametrize("family", ["inpaint", "lcm"])
def test_pipelines_that_diffusers_does_not_steer_are_refused(net: Path, family: str) -> None:
    with pytest.raises(SourceError, match="--controlnet: expected StableDiffusionPipeline or"):
        open_source(str(family_source(family)), controlnets=[net])


def test_an_architecture_without_weights_asks_for_random_ones() -> None:
    with pytest.raises(SourceError, match="is an architecture without weights: add `--weights random`"):
        open_source("sd15-controlnet")


@pytest.mark.parametrize(("alias", "kind"), [("sd15-controlnet", "ControlNet"), ("sd15-inpaint", "Inpaint")])
def test_the_aliases_are_architectures_that_fit(alias: str, kind: str) -> None:
    source = open_source(alias, weights="random")

    check_fitness(source)

    assert source.model_index["_class_name"] == f"StableDiffusion{kind}Pipeline"


@pytest.mark.slow
def test_a_pipeline_and_a_folder_give_the_graphs_of_a_pipeline_that_was_saved_with_them(tmp_path: Path) -> None:
    parts = family_source("control")
    plain = tmp_path / "plain"
    shutil.copytree(parts, plain, ignore=shutil.ignore_patterns("controlnet*"))
    index = json.loads((plain / "model_index.json").read_text())
    index = {**index, "_class_name": "StableDiffusionPipeline", "controlnet": [None, None]}
    (plain / "model_index.json").write_text(json.dumps(index))
    source = open_source(str(plain), controlnets=[parts / "controlnet", parts / "controlnet_1"])
    options = ExportOptions(branches=(0,), max_steps=4, schedulers=("ddim",))

    for _ in export_bundle(source, tmp_path / "out", options=options):
        pass

    made, saved = open_bundle(tmp_path / "out"), open_bundle(family_bundle("control"))
    pictures = [each.generate(CAT, each.plan(4, scheduler="ddim")).latents for each in (made, saved)]
    np.testing.assert_allclose(*pictures, rtol=0, atol=1e-5)
    assert made.bundle.manifest.provenance.model == saved.bundle.manifest.provenance.model
    assert made.bundle.manifest.provenance.pipeline_class == "StableDiffusionControlNetPipeline"
