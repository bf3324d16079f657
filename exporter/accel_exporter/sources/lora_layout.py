"""LoRA files in the layouts that people have: kohya's, and diffusers' with older names or peft's.

diffusers' own functions rename them. What they rename to is compared with the modules of the model without dots and
underscores: kohya writes both as underscores, so that nobody can tell them apart without the model.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

from diffusers.loaders.lora_conversion_utils import (
    _convert_non_diffusers_lora_to_diffusers,
    _maybe_map_sgm_blocks_to_diffusers,
)
from diffusers.utils.state_dict_utils import (
    DIFFUSERS_OLD_TO_PEFT,
    DIFFUSERS_TO_PEFT,
    convert_state_dict,
    convert_unet_state_dict_to_peft,
)
from torch import Tensor

from accel_exporter.libraries import one_line, quiet
from accel_runtime.errors import SourceError

PARTS: Final = ("unet", "text_encoder", "text_encoder_2")
_KOHYA: Final = ("lora_unet_", "lora_te_", "lora_te1_", "lora_te2_")
_PEFT: Final = re.compile(r"(?P<module>.+)\.lora_(?P<matrix>[AB])\.weight")
# What other methods than LoRA add to their names.
_OTHERS: Final = ("dora_scale", "lora_magnitude_vector", "hada_", "lokr_", "lora_mid", "oft_")
# In the header of a safetensors file, peft's config of each part.
_METADATA: Final = "lora_adapter_metadata"


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """What a LoRA adds to one module: ``factor · up @ down``.

    Attributes:
        module: Name of the module in the file, for messages.
        down: [R, I], or [R, I, h, w] of a convolution.
        up: [O, R], or [O, R, 1, 1] of a convolution.
        factor: What the file itself scales it by.
    """

    module: str
    down: Tensor
    up: Tensor
    factor: float = 1.0


def read_updates(
    tensors: Mapping[str, Tensor], metadata: Mapping[str, Any], *, layers_per_block: int, file: str
) -> dict[str, tuple[Update, ...]]:
    """The updates of a file by part of the pipeline.

    Args:
        tensors: The file's; those on the meta device will do to see what is there.
        metadata: Its header's.
        layers_per_block: The UNet's: kohya numbers the blocks of SDXL as the original layout does.
        file: Its name, for messages.

    Raises:
        SourceError: It is no LoRA, or one of a kind that cannot be added to weights.
    """
    for name in tensors:
        if any(other in name for other in _OTHERS):
            raise SourceError(f"{file} is no plain LoRA: '{name}' belongs to another method, which cannot be fused")
    if tensors and all(name.startswith(_KOHYA) for name in tensors):
        named = _from_kohya(tensors, layers_per_block, file)
    else:
        named = dict(tensors)
    configs = metadata.get(_METADATA)
    return {part: tuple(_updates(part, named, configs or {}, file)) for part in _parts_of(named, file)}


def squashed(module: str) -> str:
    """A module's name as all layouts agree on it."""
    return re.sub(r"[._]", "", module.removeprefix("text_model."))


def _from_kohya(tensors: Mapping[str, Tensor], layers_per_block: int, file: str) -> dict[str, Tensor]:
    """Diffusers' names; alphas go into the second matrix, for diffusers gives them names that fit no module."""
    folded = {name: tensor for name, tensor in tensors.items() if not name.endswith(".alpha")}
    try:
        for name in tensors.keys() - folded.keys():
            stem = name.removesuffix(".alpha")
            rank = folded[f"{stem}.lora_down.weight"].shape[0]
            folded[f"{stem}.lora_up.weight"] = folded[f"{stem}.lora_up.weight"] * (tensors[name] / rank)
        with quiet():
            mapped = _maybe_map_sgm_blocks_to_diffusers(folded, SimpleNamespace(layers_per_block=layers_per_block))
            named: dict[str, Tensor] = _convert_non_diffusers_lora_to_diffusers(mapped)[0]
    # diffusers looks up what it expects to be there.
    except Exception as error:
        raise SourceError(f"{file} is no LoRA of a UNet and its text encoders: {one_line(error)}") from error
    return named


def _parts_of(named: Mapping[str, Tensor], file: str) -> tuple[str, ...]:
    found = {name.partition(".")[0] for name in named}
    if not found or (strange := found - set(PARTS)):
        got = f"'{min(name for name in named if name.partition('.')[0] in strange)}'" if found else "nothing"
        raise SourceError(f"{file} is no LoRA: expected kohya's lora_unet_… or diffusers' unet.…, got {got}")
    return tuple(part for part in PARTS if part in found)


def _updates(part: str, named: Mapping[str, Tensor], configs: Mapping[str, Any], file: str) -> Iterator[Update]:
    own = {name.removeprefix(f"{part}."): tensor for name, tensor in named.items() if name.startswith(f"{part}.")}
    if part == "unet":
        renamed = convert_unet_state_dict_to_peft(own)
    else:
        renamed = convert_state_dict(own, {**DIFFUSERS_OLD_TO_PEFT, **DIFFUSERS_TO_PEFT})
    matrices: dict[str, dict[str, Tensor]] = {}
    for name, tensor in renamed.items():
        match = _PEFT.fullmatch(name)
        if match is None or tensor.dim() < 2 or not tensor.numel():
            raise SourceError(f"{file}: '{part}.{name}' is no matrix of a LoRA")
        matrices.setdefault(match["module"], {})[match["matrix"]] = tensor
    for module, pair in matrices.items():
        if len(pair) < 2:
            raise SourceError(f"{file}: '{part}.{module}' has one matrix of two: the file is incomplete")
        rank = pair["A"].shape[0]
        yield Update(module, down=pair["A"], up=pair["B"], factor=_factor(part, module, configs, rank, file))


def _factor(part: str, module: str, configs: Mapping[str, Any], rank: int, file: str) -> float:
    """Alpha over rank by peft's config; without one, diffusers takes the matrices as they are."""
    try:
        patterns: Mapping[str, float] = configs.get(f"{part}.alpha_pattern") or {}
        own = (alpha for end, alpha in patterns.items() if f".{module}".endswith(f".{end}"))
        alpha = next(own, configs.get(f"{part}.lora_alpha", rank))
        return float(alpha) / (rank**0.5 if configs.get(f"{part}.use_rslora") else rank)
    except (AttributeError, TypeError, ValueError) as error:
        raise SourceError(f"{file}: {_METADATA} is not as diffusers writes it: {one_line(error)}") from error
