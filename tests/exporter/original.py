"""Pipelines written as one file in the original layout: the way back from diffusers' names."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from diffusers.loaders.single_file_utils import DIFFUSERS_TO_LDM_MAPPING
from safetensors.torch import save_file
from torch import Tensor

Tensors = dict[str, Tensor]

_RESNET: Final = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_ADDED: Final = {"add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2"}
_VAE_ATTENTION: Final = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
_OPEN_CLIP: Final = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn": "attn",
}


def write_checkpoint(pipeline: Any, file: Path) -> Tensors:
    """Write a pipeline as one `.safetensors` file, or a pickle of another ending, and return its tensors."""
    tensors = original_tensors(pipeline)
    if file.suffix == ".safetensors":
        save_file(tensors, file)
    else:
        torch.save({"state_dict": tensors, "global_step": 3}, file)
    return tensors


def original_tensors(pipeline: Any) -> Tensors:
    """All tensors of a pipeline in the original layout."""
    parts = {
        "model.diffusion_model.": dict(unet_names(pipeline.unet)),
        "first_stage_model.": dict(vae_names(pipeline.vae)),
        **dict(_texts(pipeline)),
    }
    return {prefix + name: tensor.contiguous() for prefix, part in parts.items() for name, tensor in part.items()}


def unet_names(unet: Any) -> Iterator[tuple[str, Tensor]]:
    per_block = unet.config["layers_per_block"] + 1
    fixed = DIFFUSERS_TO_LDM_MAPPING["unet"]["layers"]
    for name, tensor in unet.state_dict().items():
        if name in fixed:
            yield fixed[name], tensor
        elif name.startswith("add_embedding."):
            yield _renamed(name, _ADDED), tensor
        else:
            yield _block(name, per_block, unet), tensor


def _block(name: str, per_block: int, unet: Any) -> str:
    if match := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)", name):
        kind, number, rest = match.groups()
        return f"middle_block.{1 if kind == 'attentions' else 2 * int(number)}.{_inside(kind, rest)}"
    match = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.+)", name)
    assert match is not None, name
    side, block, kind, layer, rest = match.groups()
    first = int(block) * per_block
    if side == "down" and kind == "downsamplers":
        return f"input_blocks.{first + per_block}.0.op.{rest.removeprefix('conv.')}"
    if kind == "upsamplers":
        at = 2 if hasattr(unet.up_blocks[int(block)], "attentions") else 1
        return f"output_blocks.{first + per_block - 1}.{at}.{rest}"
    place = f"input_blocks.{first + 1 + int(layer)}" if side == "down" else f"output_blocks.{first + int(layer)}"
    return f"{place}.{1 if kind == 'attentions' else 0}.{_inside(kind, rest)}"


def _inside(kind: str, rest: str) -> str:
    return _renamed(rest, _RESNET) if kind == "resnets" else rest


def vae_names(vae: Any) -> Iterator[tuple[str, Tensor]]:
    fixed, levels = DIFFUSERS_TO_LDM_MAPPING["vae"], len(vae.config["block_out_channels"])
    for name, tensor in vae.state_dict().items():
        if name in fixed:
            yield fixed[name], tensor
        elif "attentions" in name:
            half, rest = name.split(".mid_block.attentions.0.")
            # The original has convolutions of one pixel.
            is_matrix = tensor.dim() == 2
            yield (
                f"{half}.mid.attn_1.{_renamed(rest, _VAE_ATTENTION)}",
                tensor[:, :, None, None] if is_matrix else tensor,
            )
        else:
            yield _vae_block(name, levels), tensor


def _vae_block(name: str, levels: int) -> str:
    name = name.replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets", lambda m: f"up.{levels - 1 - int(m[1])}.block", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    return re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", name)


def _texts(pipeline: Any) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
    first, second = pipeline.text_encoder, getattr(pipeline, "text_encoder_2", None)
    is_xl = second is not None
    if not is_xl and first.config.hidden_act == "gelu":
        yield "cond_stage_model.model.", dict(open_clip_names(first))
    elif first is not None:
        yield f"{'conditioner.embedders.0' if is_xl else 'cond_stage_model'}.transformer.", dict(clip_names(first))
    if second is not None:
        yield f"conditioner.embedders.{0 if first is None else 1}.model.", dict(open_clip_names(second))


def clip_names(encoder: Any) -> Iterator[tuple[str, Tensor]]:
    yield from ((f"text_model.{name}", tensor) for name, tensor in encoder.state_dict().items())
    yield "text_model.embeddings.position_ids", torch.arange(encoder.config.max_position_embeddings)[None]


def open_clip_names(encoder: Any) -> Iterator[tuple[str, Tensor]]:
    """Query, key and value are one matrix; the projection stands on its side."""
    fixed = DIFFUSERS_TO_LDM_MAPPING["openclip"]["layers"]
    tensors = {name.removeprefix("text_model."): tensor for name, tensor in encoder.state_dict().items()}
    for name, tensor in tensors.items():
        if f"text_model.{name}" in fixed:
            yield fixed[f"text_model.{name}"], tensor
        elif name == "text_projection.weight":
            yield "text_projection", tensor.T
        elif "q_proj" in name:
            parts = torch.cat([tensors[name.replace("q_proj", f"{letter}_proj")] for letter in "qkv"])
            yield _layer(name.replace("q_proj.", "in_proj_")), parts
        elif not ("k_proj" in name or "v_proj" in name):
            yield _layer(name), tensor


def _layer(name: str) -> str:
    return "transformer." + _renamed(name.replace("encoder.layers.", "resblocks."), _OPEN_CLIP)


def _renamed(name: str, names: Mapping[str, str]) -> str:
    for theirs, original in names.items():
        name = name.replace(theirs, original)
    return name
