"""LoRA files in every layout, of random matrices for modules of a small pipeline."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file
from torch import Tensor

from accel_exporter.sources.tensor_file import TensorFile

RANK: Final = 3
ALPHA: Final = 2.0
# One linear layer, projection, attention and convolution each.
UNET: Final = (
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_out.0",
    "down_blocks.0.attentions.0.transformer_blocks.0.ff.net.0.proj",
    "down_blocks.0.attentions.0.proj_in",
    "down_blocks.0.resnets.0.conv1",
    "down_blocks.0.resnets.0.time_emb_proj",
    "down_blocks.0.downsamplers.0.conv",
    "up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k",
    "up_blocks.1.resnets.0.conv_shortcut",
    "conv_in",
)
TEXT: Final = (
    "text_model.encoder.layers.0.self_attn.q_proj",
    "text_model.encoder.layers.1.self_attn.out_proj",
    "text_model.encoder.layers.1.mlp.fc1",
)


@dataclass(frozen=True, slots=True, eq=False)
class Matrices:
    """What is trained for one module: down [R, I], up [O, R], with the axes of a convolution behind."""

    down: Tensor
    up: Tensor

    def difference(self, weight: Tensor) -> Tensor:
        """Without alpha, as the product is defined; of a convolution, pixel by pixel."""
        return torch.einsum("or,ri...->oi...", self.up.flatten(1), self.down).reshape(weight.shape)


def random_matrices(models: Mapping[str, Any], modules: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Matrices]]:
    """By part and module."""
    generator = torch.Generator().manual_seed(0)
    return {
        part: {name: _random(module(models[part], name).weight, generator) for name in names}
        for part, names in modules.items()
    }


def module(model: Any, name: str) -> Any:
    """Newer versions of transformers leave `text_model` out."""
    return model.get_submodule(name if hasattr(model, "text_model") else name.removeprefix("text_model."))


def write_peft(matrices: Mapping[str, Mapping[str, Matrices]], file: Path, *, alpha: float | None = ALPHA) -> None:
    """As `save_lora_weights` of diffusers writes it; its header has alpha."""
    tensors = {
        f"{part}.{name}.lora_{letter}.weight": tensor
        for part, name, pair in _each(matrices)
        for letter, tensor in (("A", pair.down), ("B", pair.up))
    }
    config = {f"{part}.{key}": value for part in matrices for key, value in (("r", RANK), ("lora_alpha", alpha))}
    save_file(tensors, file, metadata=None if alpha is None else {"lora_adapter_metadata": json.dumps(config)})


def write_kohya(matrices: Mapping[str, Mapping[str, Matrices]], file: Path, *, text: str = "lora_te") -> None:
    """As kohya's scripts write it, with alpha beside each pair."""
    prefixes = {"unet": "lora_unet", "text_encoder": text, "text_encoder_2": "lora_te2"}
    tensors: dict[str, Tensor] = {}
    for part, name, pair in _each(matrices):
        stem = f"{prefixes[part]}_{name.replace('.', '_')}"
        tensors |= {f"{stem}.lora_down.weight": pair.down, f"{stem}.lora_up.weight": pair.up}
        tensors[f"{stem}.alpha"] = torch.tensor(ALPHA)
    save_file(tensors, file)


def write_older(matrices: Mapping[str, Mapping[str, Matrices]], file: Path) -> None:
    """As diffusers wrote attention processors before it used peft; alpha is the rank."""
    tensors: dict[str, Tensor] = {}
    for part, name, pair in _each(matrices):
        stem, _, last = name.removesuffix(".0").rpartition(".")
        renamed = f"{stem}.processor.{last}_lora" if part == "unet" else f"{name}.lora_linear_layer"
        tensors |= {f"{part}.{renamed}.down.weight": pair.down, f"{part}.{renamed}.up.weight": pair.up}
    save_file(tensors, file)


def renamed(file: Path, target: Path, names: Mapping[str, str]) -> Path:
    """A copy with parts of the names replaced."""
    opened, tensors = TensorFile(file), {}
    for name, tensor in opened.read(opened.shapes()).items():
        new = name
        for old, other in names.items():
            new = new.replace(old, other)
        tensors[new] = tensor
    save_file(tensors, target)
    return target


def _each(matrices: Mapping[str, Mapping[str, Matrices]]) -> Iterator[tuple[str, str, Matrices]]:
    for part, modules in matrices.items():
        for name, pair in modules.items():
            yield part, name, pair


def _random(weight: Tensor, generator: torch.Generator) -> Matrices:
    out, given, *kernel = weight.shape
    ones = [1] * len(kernel)
    down = torch.randn(RANK, given, *kernel, generator=generator)
    return Matrices(down, torch.randn(out, RANK, *ones, generator=generator))
