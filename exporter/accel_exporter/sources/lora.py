"""LoRA: small matrices that were trained for a model, and are added to its weights before it is exported."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from accel_exporter.sources.lora_layout import Update, read_updates, squashed
from accel_exporter.sources.tensor_file import TensorFile, open_tensors
from accel_runtime.errors import InputError, SourceError


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA file, and how much of it is added.

    Attributes:
        path: The file.
        scale: 1 adds what was trained; 0 nothing.
    """

    path: Path
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.scale):
            raise InputError(f"LoRA {self.path.name}: expected a finite scale, got {self.scale}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """From ``FILE`` or ``FILE=SCALE``.

        >>> Lora.parse("style.safetensors=0.6").scale
        0.6
        """
        name, separator, number = text.rpartition("=")
        if not separator or Path(text).exists():
            return cls(Path(text))
        try:
            return cls(Path(name), float(number))
        except ValueError:
            raise InputError(f"--lora {text}: expected FILE=NUMBER, such as {name}=0.8, got {number!r}") from None


@dataclass(frozen=True, slots=True)
class OpenLora:
    """A LoRA that `open_lora` compared with the models that it is for."""

    file: TensorFile
    scale: float
    layers_per_block: int

    def fuse(self, part: str, model: nn.Module) -> None:
        """Add it to the weights of a part of the pipeline, in place and in float32."""
        updates = self._read(self.file.read(self.file.shapes())).get(part, ())
        with torch.no_grad():
            for update, weight in _pairs(part, updates, model, file=self.file.name):
                weight.add_(_difference(update, weight), alpha=self.scale * update.factor)

    def check(self, models: Mapping[str, nn.Module]) -> None:
        """Compare the file's shapes with models, which may be on the meta device.

        Raises:
            SourceError: It is of other models.
        """
        for part, updates in self._read(self.file.shapes()).items():
            if part not in models:
                raise SourceError(f"{self.file.name} is a LoRA of another model: this one has no {part}")
            _pairs(part, updates, models[part], file=self.file.name)

    def _read(self, tensors: Mapping[str, Tensor]) -> dict[str, tuple[Update, ...]]:
        return read_updates(tensors, self.file.metadata(), layers_per_block=self.layers_per_block, file=self.file.name)


def open_lora(lora: Lora, models: Mapping[str, Any]) -> OpenLora:
    """Open a LoRA for models; no weights are read yet.

    Args:
        lora: File and scale.
        models: The UNet and the text encoders by part of the pipeline; those on the meta device will do.

    Raises:
        SourceError: The file is no LoRA, or of another model.
    """
    layers = models["unet"].config["layers_per_block"]
    opened = OpenLora(open_tensors(lora.path, what="a LoRA"), lora.scale, layers if isinstance(layers, int) else 2)
    opened.check(models)
    return opened


def _pairs(part: str, updates: Sequence[Update], model: nn.Module, *, file: str) -> list[tuple[Update, Tensor]]:
    """Each update with the weight that it is added to, all of them found and of the right shape."""
    modules = {squashed(name): module for name, module in model.named_modules() if hasattr(module, "weight")}
    pairs = []
    for update in updates:
        module = modules.get(squashed(update.module))
        if module is None:
            raise SourceError(f"{file} is a LoRA of another model: this {part} has no '{update.module}'")
        weight: Tensor = module.weight
        if not _fits(update, weight):
            got = f"{list(update.up.shape)} times {list(update.down.shape)}"
            raise SourceError(
                f"{file} is a LoRA of another model: '{part}.{update.module}' is of shape {list(weight.shape)}, "
                f"which {got} does not make"
            )
        pairs.append((update, weight))
    return pairs


def _fits(update: Update, weight: Tensor) -> bool:
    """Linear layers and convolutions of one pixel may stand for each other."""
    made = (update.up.shape[0], *update.down.shape[1:])
    is_product = update.up[0].numel() == update.down.shape[0]
    return is_product and _without_ones(made) == _without_ones(tuple(weight.shape))


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape less the ones at its end, input and output channels apart."""
    end = len(shape)
    while end > 2 and shape[end - 1] == 1:
        end -= 1
    return shape[:end]


def _difference(update: Update, weight: Tensor) -> Tensor:
    return (update.up.flatten(1) @ update.down.flatten(1)).reshape(weight.shape)
