"""Whether a model's values fit half precision, layer by layer."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from accel_exporter.graphs import Traceable
from accel_exporter.unet import inference
from accel_runtime.errors import ExportError

# Noise stands for pictures here, so half of the range is left for what pictures do beyond it.
_MOST: Final = torch.finfo(torch.float16).max / 2


def check_overflow(traceable: Traceable, *, spread: float = 1.0) -> None:
    """Run a module in float32, and refuse it where the output of a layer may not fit float16.

    Args:
        traceable: The module, and inputs that are normal noise.
        spread: What the inputs are multiplied by first, to be as large as real ones.

    Raises:
        ExportError: A value is over half of float16's largest, 65504; names the first such layer.
    """
    largest = layer_peaks(traceable, spread=spread)
    over = {name: value for name, value in largest.items() if not value <= _MOST}
    if over:
        name, value = next(iter(over.items()))
        raise ExportError(
            f"{traceable.name}: {name} reaches {value:.3g}, over half of what float16 holds ({_MOST:.0f}), "
            f"as do {len(over) - 1} more of {len(largest)} layers: leave --vae-dtype out, or take --vae of weights "
            "that were made to fit"
        )


def layer_peaks(traceable: Traceable, *, spread: float = 1.0) -> Mapping[str, float]:
    """The largest absolute output of each layer without layers of its own, by name, in the order in which they run."""
    found: dict[str, float] = {}

    def note(name: str) -> Any:
        def hook(_: nn.Module, __: object, output: object) -> None:
            if isinstance(output, Tensor):
                # Unlike max, this keeps what is no number.
                found[name] = float(np.maximum(found.get(name, 0.0), float(output.abs().max())))

        return hook

    layers = {name: layer for name, layer in traceable.module.named_modules() if not list(layer.children())}
    handles = [layer.register_forward_hook(note(name)) for name, layer in layers.items()]
    scaled = replace(traceable, inputs={name: tensor * spread for name, tensor in traceable.inputs.items()})
    try:
        with inference(scaled.module) as module, torch.inference_mode():
            module(*scaled.inputs.values())
    finally:
        for handle in handles:
            handle.remove()
    return found
