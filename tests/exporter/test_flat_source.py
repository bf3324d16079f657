"""A UNet that lies beside its scheduler's config, as the oldest models without text do on the hub."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from huggingface_hub import HfApi
from safetensors.torch import load_file
from tests.bundles import exporting, family_bundle, family_source
from tests.command import accel, assert_refused
from tests.exporter.hub_server import serve_hub

from accel_exporter import ExportOptions
from accel_exporter.sources import FolderSource, open_folder, open_hub
from accel_runtime import Pipeline, Request, open_bundle
from accel_runtime.errors import SourceError

WEIGHTS = "diffusion_pytorch_model.safetensors"
TWO = Request(("",), images_per_prompt=2, seed=3)
# What `google/ddpm-cat-256` says beside the betas.
CLIPPING = {"clip_sample": True, "variance_type": "fixed_small", "timestep_values": None, "trained_betas": None}
# Of layers of attention, before diffusers 0.12.
OLD_NAMES = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """The small pipeline of pixels as one folder, with its index."""
    source, folder = family_source("ddpm"), tmp_path / "flat"
    shutil.copytree(source / "unet", folder)
    for file in (source / "model_index.json", source / "scheduler" / "scheduler_config.json"):
        shutil.copy(file, folder)
    return folder


def assert_same(source: FolderSource) -> None:
    """It is the pipeline in folders."""
    usual = open_folder(family_source("ddpm"), variant=None)
    weights, wanted = (each.load_unet_2d().state_dict() for each in (source, usual))
    assert weights.keys() == wanted.keys()
    assert all(torch.equal(weights[name], wanted[name]) for name in wanted)
    assert source.unet_config == usual.unet_config
    assert source.scheduler_config == usual.scheduler_config


def change(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_parts_beside_the_index_are_read_as_diffusers_reads_them(flat: Path) -> None:
    assert_same(open_folder(flat, variant=None))


def test_a_unet_with_its_scheduler_needs_no_index(flat: Path) -> None:
    (flat / "model_index.json").unlink()

    assert_same(open_folder(flat, variant=None))


def test_weights_under_the_names_of_old_attention_are_read(flat: Path) -> None:
    tensors = load_file(flat / WEIGHTS)
    for new, old in OLD_NAMES.items():
        tensors = {name.replace(new, old): tensor for name, tensor in tensors.items()}
    (flat / WEIGHTS).unlink()
    torch.save(tensors, flat / "diffusion_pytorch_model.bin")

    assert any("proj_attn" in name for name in tensors)
    assert_same(open_folder(flat, variant=None))


def test_it_comes_from_a_hub_too(flat: Path, tmp_path: Path) -> None:
    (flat / "images").mkdir()
    (flat / "images" / "generated.png").write_bytes(b"never wanted")
    with serve_hub({"main": flat}) as hub:
        api = HfApi(endpoint=hub.endpoint)
        source = open_hub(hub.repo_id, revision=None, variant=None, cache_dir=tmp_path / "cache", api=api)

    assert sorted(hub.fetched) == ["config.json", WEIGHTS, "model_index.json", "scheduler_config.json"]
    assert_same(source)


@pytest.fixture
def clipping(flat: Path) -> Path:
    """One without an index, whose scheduler clips."""
    (flat / "model_index.json").unlink()
    change(flat / "scheduler_config.json", CLIPPING)
    return flat


def test_a_bundle_of_it_draws_what_diffusers_draws_with_a_scheduler_that_does_not_clip(
    clipping: Path, tmp_path: Path
) -> None:
    options = ExportOptions(branches=(0,), schedulers=("dpmpp_2m",), max_steps=4)
    exporting(clipping, options)(tmp_path / "bundle")
    ours = open_bundle(tmp_path / "bundle")

    drawn = ours.generate(TWO, ours.plan(4)).images

    assert np.abs(drawn.astype(int) - by_diffusers(clipping, "DPMSolverMultistepScheduler")).max() <= 1


def by_diffusers(folder: Path, scheduler: str) -> Any:
    """The pictures of `TWO` in 4 steps."""
    kinds: Any = diffusers
    own = kinds.DDPMScheduler.from_pretrained(folder)
    pipe = kinds.DDPMPipeline(
        unet=kinds.UNet2DModel.from_pretrained(folder), scheduler=getattr(kinds, scheduler).from_config(own.config)
    )
    pipe.set_progress_bar_config(disable=True)
    seeds = [torch.Generator().manual_seed(seed) for seed in (3, 4)]
    return (pipe(batch_size=2, num_inference_steps=4, output_type="np", generator=seeds).images * 255).round()


@pytest.mark.parametrize("options", [(), ("--schedulers", "ddpm"), ("--schedulers", "dpmpp_2m,ddim")], ids=str)
def test_a_scheduler_that_clips_is_told_before_the_export(
    clipping: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    told = "set clip_sample to false in scheduler_config.json, or choose another scheduler"

    assert_refused(accel("export", clipping, "-o", "out", *options, cwd=tmp_path), told)
    assert os.listdir(tmp_path) == ["flat"]


def test_a_scheduler_that_thresholds_too(clipping: Path, tmp_path: Path) -> None:
    change(clipping / "scheduler_config.json", {"thresholding": True, "clip_sample": False})

    assert_refused(accel("export", clipping, "-o", "out", cwd=tmp_path), "set thresholding to false in")


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no scheduler": (
        lambda folder: (folder / "scheduler_config.json").unlink(),
        "is the folder of a UNet2DModel alone: expected its scheduler_config.json beside it",
    ),
    "a scheduler without a class": (
        lambda folder: change(folder / "scheduler_config.json", {"_class_name": None}),
        "scheduler_config.json: expected '_class_name' with the scheduler's class, got None",
    ),
    "another UNet": (
        lambda folder: change(folder / "config.json", {"_class_name": "UNet2DConditionModel"}),
        "is not a diffusers folder: it has no model_index.json",
    ),
    "no weights": (
        lambda folder: (folder / WEIGHTS).unlink(),
        f"component 'unet': expected {WEIGHTS} (or .bin), got no weights",
    ),
    "weights cut short": (lambda folder: os.truncate(folder / WEIGHTS, 999), f"{WEIGHTS} is not a whole safetensors"),
    "a config of a wrong type": (
        lambda folder: change(folder / "config.json", {"norm_num_groups": "x"}),
        "config.json describes no UNet2DModel",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_one_is_told_in_one_line(flat: Path, case: str) -> None:
    break_it, message = BROKEN[case]
    (flat / "model_index.json").unlink()
    break_it(flat)

    with pytest.raises(SourceError) as told:
        source = open_folder(flat, variant=None)
        assert source.unet_config
        source.load_unet_2d()

    assert message in str(told.value)
    assert "\n" not in str(told.value)


def test_a_pipeline_with_text_keeps_its_folders(tmp_path: Path) -> None:
    folder = shutil.copytree(family_source("sd21"), tmp_path / "source")
    for file in (folder / "unet").iterdir():
        file.rename(folder / file.name)
    (folder / "unet").rmdir()

    with pytest.raises(SourceError, match="component 'unet' is missing: expected a folder 'unet'"):
        open_folder(folder, variant=None)


def test_a_variant_beside_the_index_is_found(flat: Path) -> None:
    (flat / WEIGHTS).rename(flat / "diffusion_pytorch_model.fp16.safetensors")

    with pytest.raises(SourceError, match=r"'unet' has only variant weights \(fp16\): add `--variant fp16`"):
        open_folder(flat, variant=None)
    assert open_folder(flat, variant="fp16").weights["unet"].variant == "fp16"


def pixels(pipeline: Pipeline) -> Any:
    return pipeline.generate(TWO, pipeline.plan(4, scheduler="ddim")).latents


def test_its_bundle_is_that_of_the_folders(flat: Path, tmp_path: Path) -> None:
    exporting(flat, ExportOptions(branches=(0, 1, 2), schedulers=("ddim",), max_steps=4))(tmp_path / "bundle")

    np.testing.assert_array_equal(*(pixels(open_bundle(f)) for f in (tmp_path / "bundle", family_bundle("ddpm"))))
