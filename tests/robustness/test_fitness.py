"""What the configs alone can tell is told before the first weight is read, and nothing is left behind."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from tests.bundles import SOURCE_CONFIGS
from tests.exporter.pipelines import TOKENS, write_tiny_pipeline

from accel_exporter import ExportOptions, export_bundle
from accel_exporter.libraries import quiet
from accel_exporter.options import choose_branches
from accel_exporter.schedules import check_schedulers
from accel_exporter.sizes import ModelSizes
from accel_exporter.sources import open_folder
from accel_exporter.sources.configs import read_unet_config, unet_skeleton
from accel_exporter.sources.fitness import check_fitness
from accel_exporter.sources.shipped import ARCHITECTURES
from accel_exporter.unet import branch_count
from accel_runtime.errors import AccelError

WEIGHTS = (
    "text_encoder/model.safetensors",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
)
# Whoever reads one of them hears of it.
NO_WEIGHTS = b"not to be read"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pipeline whose weights cannot be read."""
    write_tiny_pipeline(tmp_path / "pipe")
    for name in WEIGHTS:
        (tmp_path / "pipe" / name).write_bytes(NO_WEIGHTS)
    return tmp_path / "pipe"


def change(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refusal(folder: Path, *, jobs: int = 1, **options: Any) -> str:
    """Why the pipeline cannot be exported; nothing is left of the attempt."""
    wanted = ExportOptions(branches=options.pop("branches", (0,)), max_steps=2, jobs=jobs, **options)
    with pytest.raises(AccelError) as caught:
        for _ in export_bundle(open_folder(folder, variant=None), folder.parent / "out", options=wanted):
            pass
    assert os.listdir(folder.parent) == [folder.name]
    assert "\n" not in str(caught.value)
    return str(caught.value)


UNFIT: dict[str, tuple[str, dict[str, object], str]] = {
    "a picture beside the latents": (
        "unet/config.json",
        {"in_channels": 9},
        "unet: in_channels: expected 4",
    ),
    "more noise than latents": ("unet/config.json", {"out_channels": 8}, "unet: out_channels: expected 4, the VAE's"),
    "another text encoder's width": (
        "unet/config.json",
        {"cross_attention_dim": 24},
        "unet: cross_attention_dim: expected 16, the text encoder's hidden_size, got 24",
    ),
    "guidance of one number": (
        "unet/config.json",
        {"time_cond_proj_dim": 1},
        "unet: time_cond_proj_dim: expected a whole number of at least 4, got 1",
    ),
    "text of another width": ("unet/config.json", {"encoder_hid_dim": 8}, "unet: encoder_hid_dim = 8"),
    "text beside the timestep": ("unet/config.json", {"addition_embed_type": "text"}, "unet: addition_embed_type"),
    "classes by timestep": ("unet/config.json", {"class_embed_type": "timestep"}, "unet: class_embed_type"),
    "numbered classes": ("unet/config.json", {"num_class_embeds": 10}, "unet: num_class_embeds = 10"),
    "no size of its own": (
        "unet/config.json",
        {"sample_size": None},
        "unet: sample_size: expected a number",
    ),
    "latents of another VAE": ("vae/config.json", {"latent_channels": 8}, "unet: in_channels: expected 8, the VAE's"),
    "a VAE of grey pictures": ("vae/config.json", {"in_channels": 1}, "vae: in_channels: expected 3"),
    "a factor that is none": ("vae/config.json", {"scaling_factor": 0}, "vae: scaling_factor: expected a positive"),
    "a text encoder of another width": (
        "text_encoder/config.json",
        {"hidden_size": 32},
        "expected 32, the text",
    ),
    "a mask of the padding": ("text_encoder/config.json", {"use_attention_mask": True}, "use_attention_mask"),
    "no length of a prompt": (
        "tokenizer/tokenizer_config.json",
        {"model_max_length": None},
        f"tokenizer/tokenizer_config.json: model_max_length: expected 2 to {TOKENS}",
    ),
    "longer prompts than positions": (
        "tokenizer/tokenizer_config.json",
        {"model_max_length": 77},
        f"model_max_length: expected 2 to {TOKENS}, the positions of the text encoder, got 77",
    ),
    "no padding": ("tokenizer/tokenizer_config.json", {"pad_token": None}, "pad_token"),
    "a scheduler without timesteps": (
        "scheduler/scheduler_config.json",
        {"num_train_timesteps": 0},
        "scheduler/scheduler_config.json: ",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_parts_that_do_not_fit_are_refused_before_any_weights_are_read(folder: Path, case: str) -> None:
    file, changes, message = UNFIT[case]
    change(folder / file, **changes)

    assert message in refusal(folder)


def test_what_fits_comes_to_its_weights(folder: Path) -> None:
    assert "is not a whole safetensors file" in refusal(folder)


def test_a_branch_that_the_unet_lacks_is_refused_before_any_weights_are_read(folder: Path) -> None:
    for jobs in (1, 2):
        assert refusal(folder, branches=(0, 9), jobs=jobs) == "branch 9: this UNet has branches 0 to 3"


def test_a_pipelines_own_scheduler_that_is_no_table_is_refused_before_any_weights_are_read(folder: Path) -> None:
    change(folder / "model_index.json", scheduler=["diffusers", "DDIMScheduler"])
    change(folder / "scheduler/scheduler_config.json", thresholding=True)

    for jobs in (1, 2):
        assert "set thresholding to false in scheduler_config.json" in refusal(folder, jobs=jobs)
    assert "thresholding" in refusal(folder, schedulers=("ddim",))
    assert "is not a whole safetensors file" in refusal(folder, schedulers=("euler",))
    assert "unknown scheduler 'magic'" in refusal(folder, schedulers=("euler", "magic"))


UNETS: dict[str, dict[str, object]] = {
    "layers of its own in each block": {"layers_per_block": (2, 1)},
    "three layers": {"layers_per_block": 3},
    "no cross-attention": {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2},
}


@pytest.mark.parametrize("case", UNETS)
def test_the_number_of_branches_follows_from_the_config(case: str, folder: Path) -> None:
    config = {**json.loads((folder / "unet/config.json").read_text()), **UNETS[case]}
    maker: Any = UNet2DConditionModel
    with quiet():
        unet = maker.from_config(config)

    assert choose_branches(None, branch_count(unet_skeleton(config))) == choose_branches(None, branch_count(unet))


def test_stable_diffusion_has_twelve_branches() -> None:
    assert branch_count(unet_skeleton(read_unet_config(ARCHITECTURES / "sd15"))) == 12


def test_a_unet_without_cross_attention_may_have_any_width_of_text(folder: Path) -> None:
    blocks: dict[str, Iterable[str]] = {"down_block_types": ["DownBlock2D"] * 2, "up_block_types": ["UpBlock2D"] * 2}
    change(folder / "unet/config.json", **blocks, mid_block_type="UNetMidBlock2D", cross_attention_dim=24)

    assert "is not a whole safetensors file" in refusal(folder)


@pytest.mark.parametrize(("version", "size"), [("0.6.0", 8), ("0.8.1", 96), ("0.9.0", 8), ("0.42.1", 8)])
def test_the_size_of_its_own_is_the_one_that_diffusers_draws(folder: Path, version: str, size: int) -> None:
    change(folder / "unet/config.json", _diffusers_version=version, sample_size=size)
    maker: Any = StableDiffusionPipeline
    parts = ("vae", "text_encoder", "tokenizer", "scheduler", "safety_checker", "feature_extractor")
    with quiet():
        unet = unet_skeleton(json.loads((folder / "unet/config.json").read_text()))
        pipe = maker(**dict.fromkeys(parts), unet=unet, requires_safety_checker=False)

    source = open_folder(folder, variant=None)
    ours = ModelSizes.of(source.unet_config, source.vae_config, multiple=1, static=None)

    assert ours.sample_size == (pipe.unet.config.sample_size * 2,) * 2


CONFIGS = (*SOURCE_CONFIGS, "scheduler/scheduler_config.json")
NUMBERS = (0, -1, 3, 10**9, 10**30, 1.5, 1e308)
ODD: tuple[object, ...] = (*NUMBERS, None, True, "", "x", [], [0], [4, 4], [["a"]], {}, {"a": 1})


def assert_told(folder: Path, file: str, cases: Iterable[tuple[str, object]]) -> None:
    """With each value of a key in ``file``, the source is fit, or there is one line of ours."""
    whole = (folder / file).read_text()
    for key, odd in cases:
        change(folder / file, **{key: odd})
        assert "\n" not in told(folder), (key, odd)
        (folder / file).write_text(whole)


def told(folder: Path) -> str:
    """What the configs alone have to say against an export; any other error than ours is a bug."""
    try:
        source = open_folder(folder, variant=None)
        check_fitness(source)
        branch_count(unet_skeleton(source.unet_config))
        check_schedulers(source.scheduler_config, None, steps=2)
    except AccelError as error:
        return str(error)
    return ""


def cases_of(folder: Path, file: str) -> list[tuple[str, object]]:
    return [(key, odd) for key in sorted(json.loads((folder / file).read_text())) for odd in ODD]


@pytest.mark.parametrize("file", CONFIGS)
def test_an_odd_value_is_fit_or_told_in_one_line(folder: Path, file: str) -> None:
    assert_told(folder, file, cases_of(folder, file)[3::29])


@pytest.mark.slow
@pytest.mark.parametrize("file", CONFIGS)
def test_so_is_any_odd_value_of_any_key(folder: Path, file: str) -> None:
    assert_told(folder, file, cases_of(folder, file))
