"""LoRA of every layout is added to the weights as its definition says, and to no others."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.bundles import family_source, kept_source
from tests.exporter.loras import (
    ALPHA,
    RANK,
    TEXT,
    UNET,
    Matrices,
    module,
    random_matrices,
    renamed,
    write_kohya,
    write_older,
    write_peft,
)

from accel_exporter import Changes, Lora, open_source
from accel_exporter.model_hash import model_hash

SCALE = 0.6
ATTENTION = tuple(name for name in UNET if ".attn" in name)
ALL = {"unet": UNET, "text_encoder": TEXT}
OLD = {"unet": ATTENTION, "text_encoder": TEXT}
XL = {
    "unet": (
        "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_v",
        "down_blocks.0.resnets.0.conv2",
        "down_blocks.0.downsamplers.0.conv",
        "mid_block.attentions.0.proj_in",
        "up_blocks.0.attentions.1.transformer_blocks.1.ff.net.2",
        "up_blocks.0.upsamplers.0.conv",
    ),
    "text_encoder": TEXT,
    "text_encoder_2": (*TEXT, "text_projection"),
}
# The same modules as kohya numbers them, in the blocks of the original layout.
SGM = {
    "down_blocks_1_attentions_0": "input_blocks_3_1",
    "down_blocks_0_resnets_0_conv2": "input_blocks_1_0_out_layers_3",
    "down_blocks_0_downsamplers_0_conv": "input_blocks_2_0_op",
    "mid_block_attentions_0": "middle_block_1",
    "up_blocks_0_attentions_1": "output_blocks_1_1",
    "up_blocks_0_upsamplers_0_conv": "output_blocks_1_2_conv",
}
Loaded = Mapping[str, Any]


@cache
def folder_of(family: str) -> Path:
    return kept_source() if family == "sd15" else family_source(family)


def loaded(family: str, *loras: Lora) -> dict[str, Any]:
    source = open_source(str(folder_of(family)), changes=Changes(loras=loras))
    texts = [part for part in ("text_encoder", "text_encoder_2") if part in source.model_index]
    return {"unet": source.load_unet(), **{part: source.load_text_encoder(part) for part in texts}}


@cache
def untouched(family: str) -> dict[str, Any]:
    return loaded(family)


@torch.no_grad()
def assert_fused(family: str, found: Loaded, matrices: Mapping[str, Mapping[str, Matrices]], *, factor: float) -> None:
    """Every weight is the pipeline's, with the product of the matrices where there are some."""
    for part, model in found.items():
        wanted = {name: tensor.clone() for name, tensor in untouched(family)[part].state_dict().items()}
        for name, pair in matrices.get(part, {}).items():
            key = next(key for key, each in model.named_modules() if each is module(model, name))
            wanted[f"{key}.weight"] += factor * pair.difference(wanted[f"{key}.weight"])
        for name, tensor in model.state_dict().items():
            assert torch.allclose(tensor, wanted[name], rtol=1e-5, atol=1e-5), name


def without_alpha(matrices: Mapping[str, Mapping[str, Matrices]], file: Path) -> None:
    write_peft(matrices, file, alpha=None)


@pytest.mark.parametrize(
    ("write", "modules", "factor"),
    [
        (write_peft, ALL, ALPHA / RANK),
        (without_alpha, ALL, 1.0),
        (write_kohya, ALL, ALPHA / RANK),
        (write_older, OLD, 1.0),
    ],
)
def test_every_layout_is_fused_by_its_definition(
    write: Callable[..., None], modules: Mapping[str, tuple[str, ...]], factor: float, tmp_path: Path
) -> None:
    matrices, file = random_matrices(untouched("sd15"), modules), tmp_path / "style.safetensors"
    write(matrices, file)

    assert_fused("sd15", loaded("sd15", Lora(file, SCALE)), matrices, factor=SCALE * factor)


@pytest.mark.parametrize("names", [{}, SGM], ids=["diffusers", "original"])
def test_sdxl_is_fused_with_either_numbering_of_its_blocks(names: Mapping[str, str], tmp_path: Path) -> None:
    matrices, file = random_matrices(untouched("sdxl"), XL), tmp_path / "style.safetensors"
    write_kohya(matrices, file, text="lora_te1")
    if names:
        file = renamed(file, tmp_path / "sgm.safetensors", names)

    assert_fused("sdxl", loaded("sdxl", Lora(file)), matrices, factor=ALPHA / RANK)


def test_several_are_added_each_with_its_scale_and_the_hash_follows(tmp_path: Path) -> None:
    matrices, file = random_matrices(untouched("sd15"), {"unet": UNET}), tmp_path / "style.safetensors"
    write_peft(matrices, file)
    once, twice = Lora.parse(f"{file}=0.25"), Lora.parse(str(file))

    both = loaded("sd15", once, twice)

    assert_fused("sd15", both, matrices, factor=1.25 * ALPHA / RANK)
    assert model_hash(both["unet"]) != model_hash(untouched("sd15")["unet"])
    source = open_source(str(folder_of("sd15")), changes=Changes(loras=(once, twice)))
    assert [(each.name, each.scale) for each in source.adaptations] == [(file.name, 0.25), (file.name, 1.0)]
