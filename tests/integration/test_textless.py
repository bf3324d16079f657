"""Pipelines without text, of pixels and of a codebook's latents: our pictures are those of diffusers' pipelines."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from tests.bundles import family_bundle, family_source
from tests.command import accel, assert_refused
from tests.exporter.families import SCHEDULERS_OF
from tests.integration.both import STEPS, both, drawn, seeds
from tests.integration.by_hand import Given, denoise_by_hand
from tests.integration.textless import scheduler_of
from tests.own_memory import OwnMemory

from accel_exporter.check import relative_error
from accel_exporter.sources.adapted import Changes, adapt
from accel_exporter.sources.checkpoint import open_checkpoint
from accel_exporter.sources.fitness import check_fitness
from accel_exporter.sources.local import open_folder
from accel_exporter.sources.original_layout import UNET_INPUT
from accel_exporter.unet import inference
from accel_runtime import Pipeline, Request, open_bundle
from accel_runtime.errors import AccelError, InputError

CLOSE = 1e-5
TWO = Request(("",), images_per_prompt=2, seed=3)


def test_a_latent_is_decoded_from_the_nearest_entry_of_the_codebook() -> None:
    """Alone, latents that are moved by less than half the way to the next entry decode to the same picture."""
    components, vqvae = both("ldm").ours.components, both("ldm").theirs.vqvae
    entries = vqvae.quantize.embedding.weight.detach().numpy()
    chosen = entries[np.arange(64) % len(entries)].reshape(1, 8, 8, 3).transpose(0, 3, 1, 2)
    factor = vqvae.config.scaling_factor
    with torch.no_grad():
        wanted = vqvae.decode(torch.from_numpy(chosen), force_not_quantize=True).sample.numpy()

    found = components.decode((chosen * 1.001 * factor).astype(np.float32))

    pixels = (np.clip(wanted / 2 + 0.5, 0, 1) * 255).round().transpose(0, 2, 3, 1)
    assert np.abs(found - pixels).max() <= 1


LATENTS = np.random.default_rng(5).standard_normal((3, 3, 16, 16)).astype(np.float32)


def by_hand(family: str, name: str, latents: Any, *, every: int, branch: int, labels: Any = None) -> Any:
    pipe = both(family).theirs
    scheduler = scheduler_of(pipe, name)
    given = Given(None, labels=labels)
    with inference(pipe.unet):
        return denoise_by_hand(
            pipe.unet,
            scheduler,
            given,
            latents=torch.from_numpy(latents),
            steps=6,
            guidance=1.0,
            every=every,
            branch=branch,
            generators=seeds(len(latents)),
        )


@pytest.mark.parametrize("branch", [0, 1, 2])
@pytest.mark.parametrize("family", ["ddpm", "ldm"])
def test_every_3_equals_diffusers_modules_driven_by_hand(family: str, branch: int) -> None:
    wanted = by_hand(family, "ddim", LATENTS[:2], every=3, branch=branch)
    plan: dict[str, Any] = {"deep": "every:3", "branch": branch, "steps": 6}

    found = drawn(both(family).ours, "ddim", replace(TWO, latents=LATENTS[:2]), guidance=1.0, **plan)

    assert relative_error(found, wanted) <= CLOSE


CLASSES = (4, 0, 2)
OF_CLASSES = Request(("",) * 3, class_labels=CLASSES, latents=LATENTS, seed=3)


@pytest.mark.parametrize("scheduler", SCHEDULERS_OF["classes"])
def test_classes_are_drawn_as_by_diffusers_modules(scheduler: str) -> None:
    wanted = by_hand("classes", scheduler, LATENTS, every=1, branch=0, labels=torch.tensor(CLASSES))

    found = drawn(both("classes").ours, scheduler, OF_CLASSES, guidance=1.0, steps=6)

    assert relative_error(found, wanted) <= CLOSE


@pytest.mark.parametrize("branch", [0, 1, 2])
def test_every_3_of_classes_equals_diffusers_modules_driven_by_hand(branch: int) -> None:
    wanted = by_hand("classes", "ddim", LATENTS, every=3, branch=branch, labels=torch.tensor(CLASSES))
    plan: dict[str, Any] = {"deep": "every:3", "branch": branch, "steps": 6}

    found = drawn(both("classes").ours, "ddim", OF_CLASSES, guidance=1.0, **plan)

    assert relative_error(found, wanted) <= CLOSE


def test_a_class_belongs_to_all_images_of_its_prompt() -> None:
    pipeline = both("classes").ours
    many = Request(("", ""), images_per_prompt=2, class_labels=(1, 3))

    assert pipeline.condition(many, guided=False).rows("class_labels").tolist() == [1, 1, 3, 3]
    assert pipeline.condition(replace(many, class_labels=(4,)), guided=False).rows("class_labels").tolist() == [4] * 4


def test_another_class_is_another_picture_of_deep_and_of_shallow_calls() -> None:
    pipeline = both("classes").ours
    plan = pipeline.plan(6, "every:3", scheduler="ddim")
    one, other = (pipeline.generate(Request(("",), class_labels=(label,)), plan).latents for label in (1, 2))
    manifest = pipeline.bundle.manifest

    assert relative_error(one, other) > 1e-3
    for cut in manifest.denoiser.shallow.values():
        assert "class_labels" in {tensor.name for tensor in manifest.graphs[cut.graph].inputs}


def test_the_loop_on_a_device_draws_the_same() -> None:
    on_device = open_bundle(family_bundle("classes"), OwnMemory())
    request = Request(("", ""), class_labels=(1, 3), seed=3)

    found, wanted = (drawn(each, "ddpm", request, guidance=1.0, deep="every:2") for each in (on_device, pipeline()))

    assert relative_error(found, wanted) <= CLOSE


def pipeline() -> Pipeline:
    """The one of classes."""
    return both("classes").ours


@pytest.mark.parametrize(
    ("family", "request_", "message"),
    [
        ("classes", Request(("",)), "class labels: expected 1, one for each prompt, got 0"),
        ("classes", Request(("",), class_labels=(5,)), "class label: expected 0 to 4, got 5"),
        ("classes", Request(("",), class_labels=(-1,)), "class label: expected 0 to 4, got -1"),
        ("classes", Request(("",) * 3, class_labels=(1, 2)), "class labels: expected 1 or 3, one for each prompt"),
        ("ddpm", Request(("",), class_labels=(1,)), "class labels: the model takes none: leave them out"),
        ("ddpm", Request(("a cat",)), "prompt: the model takes none: leave prompts empty"),
        ("ddpm", Request(("",), height=18), "height: expected a positive multiple of 4 pixels, got 18"),
        ("ldm", Request(("",), width=12), "width: expected a positive multiple of 8 pixels, got 12"),
    ],
)
def test_what_such_a_model_does_not_take_is_refused_in_one_line(family: str, request_: Request, message: str) -> None:
    ours = both(family).ours

    with pytest.raises(InputError, match=message):
        ours.generate(request_, ours.plan(STEPS, scheduler="ddim"))


def test_accel_draws_a_picture_of_each_class_and_no_prompt(tmp_path: Path) -> None:
    bundle = str(family_bundle("classes"))
    drawn_ = accel(
        "generate", bundle, "--class-label", "4", "--class-label", "0", "--steps", "2", "-o", "c.png", cwd=tmp_path
    )

    assert drawn_.returncode == 0, drawn_.stderr
    assert sorted(os.listdir(tmp_path)) == ["c-0.png", "c-1.png"]


TOLD: dict[str, tuple[str, tuple[str, ...], str]] = {
    "a prompt": ("ddpm", ("a cat",), "prompt: the model takes none, got 'a cat': leave it out"),
    "a class": ("ddpm", ("--class-label", "1"), "--class-label: the model draws no classes: leave it out"),
    "guidance": ("ddpm", ("--guidance", "5"), "--guidance: the model cannot be guided, got 5: leave it out"),
    "a negative prompt": ("ldm", ("--negative", "fog"), "prompt: the model takes none"),
    "a picture": ("ldm", ("--image", "in.png"), "image: the bundle has no encoder: start from noise"),
    "sizes of SDXL": ("ddpm", ("--crop", "1", "1"), "framing: the model takes no sizes: leave it out"),
    "no class": ("classes", (), "--class-label: expected the class to draw, 0 to 4"),
    "a class that is not there": ("classes", ("--class-label", "5"), "class label: expected 0 to 4, got 5"),
    "no prompt, where it takes one": ("eighths", (), "prompt: expected what to draw: accel generate"),
}


@pytest.mark.parametrize("case", TOLD)
def test_accel_refuses_in_one_line_what_the_model_does_not_take(case: str, tmp_path: Path) -> None:
    family, options, message = TOLD[case]
    Image.new("RGB", (32, 32)).save(tmp_path / "in.png")

    refused = accel(
        "generate", str(family_bundle(family)), *options, "--steps", "2", "--scheduler", "ddim", cwd=tmp_path
    )

    assert_refused(refused, message)


CONFIGS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "grey": ("ddpm", "unet", {"in_channels": 1}, "unet: in_channels: expected 3, red, green and blue"),
    "variance": ("ddpm", "unet", {"out_channels": 6}, "unet: out_channels: expected 3, red, green and blue"),
    "no size": ("ddpm", "unet", {"sample_size": None}, "unet: sample_size: expected a positive number"),
    "classes as vectors": ("ddpm", "unet", {"class_embed_type": "identity"}, "unet: class_embed_type: expected none"),
    "learned times": ("ddpm", "unet", {"time_embedding_type": "learned", "num_train_timesteps": 9}, "'learned' takes"),
    "two streams": (
        "ddpm",
        "unet",
        {"up_block_types": ["UpBlock2D", "AttnUpBlock2D", "SkipUpBlock2D"]},
        "SkipUpBlock2D hands on a second tensor",
    ),
    "no classes": ("classes", "unet", {"num_class_embeds": 0}, "unet: num_class_embeds: expected 1 to"),
    "a wider codebook": (
        "ldm",
        "vqvae",
        {"vq_embed_dim": 4},
        "unet: in_channels: expected 4, the width of the vqvae's",
    ),
    "no factor": ("ldm", "vqvae", {"scaling_factor": 0}, "vqvae: scaling_factor: expected a positive number, got 0"),
    "a decoder of masks": ("ldm", "vqvae", {"out_channels": 1}, "vqvae: out_channels: expected 3"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_parts_that_do_not_fit_are_told_before_weights_are_read(case: str, tmp_path: Path) -> None:
    family, part, change, message = CONFIGS[case]
    folder = shutil.copytree(family_source(family), tmp_path / "source")
    path = folder / part / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    with pytest.raises(AccelError, match=message) as told:
        check_fitness(open_folder(folder, variant=None))

    assert "\n" not in str(told.value)


def test_a_ddim_pipeline_with_another_scheduler_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(family_source("ddim"), tmp_path / "source")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"scheduler": ["diffusers", "DDPMScheduler"]}))

    with pytest.raises(AccelError, match="'scheduler' is a DDPMScheduler, not supported yet, expected DDIMScheduler"):
        open_folder(folder, variant=None)


def test_what_is_added_to_a_pipeline_with_text_is_refused_for_one_without() -> None:
    with pytest.raises(InputError, match="are for pipelines that take text, got DDPMPipeline: leave them out"):
        adapt(open_folder(family_source("ddpm"), variant=None), Changes(clip_skip=1))


def test_configs_without_text_are_none_for_a_checkpoint_in_one_file(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_file({UNET_INPUT: torch.zeros(4, 4, 3, 3)}, file)

    with pytest.raises(AccelError, match="expected --config of such a one, got LDMPipeline"):
        open_checkpoint(file, config=family_source("ldm"))
