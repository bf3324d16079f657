"""Whatever is wrong with a checkpoint, or with what is added to a model, is one line before weights are read."""

import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file
from tests.bundles import family_source, kept_source
from tests.command import accel, assert_refused
from tests.exporter.families import load_family
from tests.exporter.loras import TEXT, UNET, random_matrices, renamed, write_kohya, write_peft
from tests.exporter.original import write_checkpoint
from tests.exporter.pipelines import load_in_diffusers

from accel_exporter.sources import load, original_layout, tensor_file
from accel_exporter.sources.original_layout import UNET_INPUT

CUT, LEFT_OUT = 1000, "model.diffusion_model.middle_block.0.in_layers.2.weight"
QUERY = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that are in order: a checkpoint, a LoRA of either layout, an embedding and a LoRA of SDXL."""
    folder, pipe = tmp_path_factory.mktemp("shelf"), load_in_diffusers(kept_source())
    write_checkpoint(pipe, folder / "model.safetensors")
    matrices = random_matrices(vars_of(pipe), {"unet": UNET, "text_encoder": TEXT})
    write_peft(matrices, folder / "style.safetensors", alpha=None)
    write_kohya(matrices, folder / "kohya.safetensors")
    save_file({"<cat>": torch.ones(2, 16)}, folder / "cat.safetensors")
    wide = load_family(family_source("sdxl"))
    write_peft(random_matrices(vars_of(wide), {"unet": XL}), folder / "sdxl.safetensors")
    return folder


XL = ("down_blocks.2.attentions.0.proj_in", "mid_block.attentions.0.proj_in")


def vars_of(pipe: Any) -> dict[str, Any]:
    return {"unet": pipe.unet, "text_encoder": pipe.text_encoder}


@pytest.fixture(autouse=True)
def _no_weights_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: Any, **__: Any) -> None:
        raise AssertionError("weights were read")

    monkeypatch.setattr(tensor_file.TensorFile, "read", read)
    monkeypatch.setattr(load, "load_unet", read)
    monkeypatch.setattr(original_layout, "fill", read)


def put(file: Path, change: Callable[[Tensors], Tensors]) -> None:
    save_file(change(load_file(file)), file)


def without(*beginnings: str) -> Callable[[Path], None]:
    return lambda file: put(file, lambda all_: {k: v for k, v in all_.items() if not k.startswith(beginnings)})


def with_one(name: str, *shape: int) -> Callable[[Path], None]:
    return lambda file: put(file, lambda all_: all_ | {name: torch.ones(shape)})


def only(name: str, *shape: int) -> Callable[[Path], None]:
    return lambda file: put(file, lambda _: {name: torch.ones(shape)})


def shorter(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-CUT])


def endless_header(file: Path) -> None:
    file.write_bytes(struct.pack("<Q", 2**40) + b"{}")


def other_format(file: Path) -> None:
    file.write_bytes(b"GGUF" * 9)


def pointer(file: Path) -> None:
    file.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")


CHECKPOINTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "cut short": (shorter, "model.safetensors is not a whole safetensors file"),
    "another format": (other_format, "model.safetensors is not a whole safetensors file"),
    "a header without an end": (endless_header, "model.safetensors is not a whole safetensors file"),
    "a pointer": (pointer, "model.safetensors is a Git LFS pointer"),
    "not there": (Path.unlink, "is no file: expected a checkpoint"),
    "a tensor missing": (without(LEFT_OUT), "its unet lacks 1 of "),
    "a tensor of another shape": (with_one(UNET_INPUT, 16, 9, 3, 3), "has 'conv_in.weight' of shape [16, 9, 3, 3], ex"),
    "a deeper UNet": (
        with_one("model.diffusion_model.input_blocks.4.0.in_layers.0.weight", 8),
        "its unet has 1 tensors too many",
    ),
    "no text encoder": (without("cond_stage_model."), "has no text_encoder: expected tensors named cond_stage_model.t"),
    "no autoencoder": (
        without("first_stage_model."),
        "has no vae: expected tensors named first_stage_model.… or vae.…",
    ),
    "a transformer": (only("model.diffusion_model.joint_blocks.0.x.weight", 4), "has no UNet in the original layout"),
    "a LoRA": (only("lora_unet_conv_in.lora_up.weight", 4, 4), "is a LoRA, not a model: give it with --lora"),
    "one part of a folder": (only("down_blocks.0.resnets.0.conv1.weight", 4), "is one part of a diffusers folder"),
}


@pytest.mark.parametrize("case", CHECKPOINTS)
def test_a_checkpoint_that_cannot_be_exported(case: str, shelf: Path, tmp_path: Path) -> None:
    change, message = CHECKPOINTS[case]
    file = tmp_path / "model.safetensors"
    file.write_bytes((shelf / file.name).read_bytes())
    change(file)

    assert_refused(accel("export", file.name, "--config", kept_source(), cwd=tmp_path), message)


class Harmful:
    """What a pickle runs when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path("harm").write_text, ("done",))


def test_a_pickle_of_anything_else_is_refused_and_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "model.ckpt").write_bytes(pickle.dumps({"state_dict": Harmful()}))

    done = accel("export", "model.ckpt", cwd=tmp_path)

    assert_refused(done, "it is not a pickle of tensors alone, and anything else in a pickle is refused")
    assert not (tmp_path / "harm").exists()


SOURCE = str(kept_source())
OPTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "configs that are none": (("model.safetensors", "--config", "nowhere"), "--config 'nowhere' is not a folder"),
    "configs of another model": (("model.safetensors", "--config", str(family_source("sd21"))), "its unet lacks"),
    "its own kind, which it is not": (("model.safetensors",), "such as 'down_blocks.0.attentions.1."),
    "configs of a folder": ((SOURCE, "--config", SOURCE), "--config"),
    "a variant of one file": (("model.safetensors", "--variant", "fp16"), "a single file has none"),
    "a LoRA of another model": ((SOURCE, "--lora", "sdxl.safetensors"), "a LoRA of another model: "),
    "a LoRA that is none": ((SOURCE, "--lora", "cat.safetensors"), "is no LoRA: expected kohya's lora_unet_"),
    "a LoRA that is not there": (
        (SOURCE, "--lora", "x.safetensors=0.3"),
        "'x.safetensors' is no file: expected a LoRA",
    ),
    "a scale that is no number": ((SOURCE, "--lora", "style.safetensors=much"), "=0.8, got 'much'"),
    "a scale without an end": ((SOURCE, "--lora", "style.safetensors=inf"), "expected a finite scale, got inf"),
    "a DoRA": ((SOURCE, "--lora", "dora.safetensors"), "is no plain LoRA: 'lora_unet_conv_in.dora_scale' belongs"),
    "half a LoRA": ((SOURCE, "--lora", "half.safetensors"), f"'{QUERY}' has one matrix of two"),
    "half a LoRA of kohya's": ((SOURCE, "--lora", "half-kohya.safetensors"), "is no LoRA of a UNet"),
    "an embedding of another model": ((SOURCE, "--embedding", "wide.safetensors"), "have 24 numbers, expected 16"),
    "an embedding that is none": ((SOURCE, "--embedding", "style.safetensors"), "is no embedding: expected one tensor"),
    "an embedding for an encoder that is not there": ((SOURCE, "--embedding", "xl.safetensors"), "for text_encoder_2"),
    "a word that is known": ((SOURCE, "--embedding", "cat.safetensors=a</w>"), "the tokenizer knows 'a</w>' already"),
    "a word twice": ((SOURCE, *(["--embedding", "cat.safetensors"] * 2)), "the tokenizer knows '<cat>' already"),
    "no word": ((SOURCE, "--embedding", "cat.safetensors="), "expected FILE=WORD, got no word"),
    "a word of blanks": ((SOURCE, "--embedding", "cat.safetensors= "), "expected a word of 1 to 100 characters"),
    "a VAE that is none": ((SOURCE, "--vae", SOURCE), "has no config.json: expected the folder of an autoencoder"),
    "a VAE of another class": ((SOURCE, "--vae", f"{SOURCE}/unet"), "_class_name: expected AutoencoderKL or Auto"),
    "a VAE of other latents": ((SOURCE, "--vae", "vae"), "unet: in_channels: expected 8, the VAE's latent_channels"),
    "a VAE file of another model": ((SOURCE, "--vae", "style.safetensors"), "its vae lacks"),
    "more layers than there are": ((SOURCE, "--clip-skip", "2"), "clip skip: expected 0 to 1, the layers of the text"),
    "fewer layers than none": ((SOURCE, "--clip-skip", "-1"), "clip skip: expected 0 to 1"),
}


@pytest.fixture(scope="module")
def wrong(shelf: Path) -> Path:
    """Files that are not in order beside those that are."""
    save_file({"lora_unet_conv_in.dora_scale": torch.ones(1)}, shelf / "dora.safetensors")
    save_file({"<cat>": torch.ones(2, 24)}, shelf / "wide.safetensors")
    save_file({"clip_l": torch.ones(16), "clip_g": torch.ones(24)}, shelf / "xl.safetensors")
    put(_copy(shelf, "style", "half"), lambda all_: {k: v for k, v in all_.items() if k != f"{QUERY}.lora_B.weight"})
    renamed(shelf / "kohya.safetensors", shelf / "half-kohya.safetensors", {"conv_in.lora_up": "conv_in.lora_in"})
    make: Any = AutoencoderKL
    make(norm_num_groups=4, block_out_channels=(8,), latent_channels=8).save_pretrained(shelf / "vae")
    return shelf


def _copy(folder: Path, name: str, other: str) -> Path:
    copy = folder / f"{other}.safetensors"
    copy.write_bytes((folder / f"{name}.safetensors").read_bytes())
    return copy


@pytest.mark.parametrize("case", OPTIONS)
def test_options_that_cannot_be_met(case: str, wrong: Path, tmp_path: Path) -> None:
    arguments, message = OPTIONS[case]

    assert_refused(accel("export", *arguments, "-o", tmp_path / "bundle", cwd=wrong), message)
    assert not any(tmp_path.iterdir())


def test_a_checkpoint_that_predicts_velocity_needs_configs_that_say_so(tmp_path: Path) -> None:
    """A file that is of SDXL's kind by its tensors' names."""
    names = (UNET_INPUT, "conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias", "v_pred")
    save_file({name: torch.ones(4, 4, 1, 1) for name in names}, tmp_path / "model.safetensors")

    done = accel("export", "model.safetensors", cwd=tmp_path)

    assert_refused(done, "predicts velocity, and the kind 'xl_base' is known to predict noise: name a folder")
