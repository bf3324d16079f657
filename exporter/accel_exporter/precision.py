"""A component computed in half precision, between float32 inputs and outputs."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from accel_exporter.graphs import Traceable
from accel_runtime.manifest import Precision


class _TextEncoder(nn.Module):
    def __init__(self, module: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.module = module.to(dtype)

    def forward(self, input_ids: Tensor) -> Any:
        return tuple(value.float() for value in self.module(input_ids))


class _UNet(nn.Module):
    def __init__(self, module: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.module = module.to(dtype)
        self.dtype = dtype

    def forward(self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor) -> Any:
        # The timestep stays float32: half precision cannot hold 958.04, and the UNet embeds it in float32.
        noise, *features = self.module(sample.to(self.dtype), timestep, encoder_hidden_states.to(self.dtype))
        return (noise.float(), *features)


def in_precision(traceable: Traceable, dtype: Precision) -> Traceable:
    """The text encoder or the UNet computing in ``dtype``; its weights are converted in place.

    Norms and softmax are of that precision in the graph; GPU providers' kernels accumulate them in float32.
    """
    if dtype == "float32":
        return traceable
    wrapper = _UNet if traceable.part == "deep" else _TextEncoder
    return replace(traceable, module=wrapper(traceable.module, getattr(torch, dtype)))


def round_weights(traceable: Traceable) -> Traceable:
    """Round the weights of a module to bfloat16 in place; they stay float32 tensors."""
    traceable.module.to(torch.bfloat16).to(torch.float32)
    return traceable


def feature_dtype(dtype: Precision) -> Precision:
    """The precision of the features of a UNet that computes in ``dtype``.

    It is half precision only where numpy has that, since the host sums forecasts too. All other outputs are float32.
    """
    return "float16" if dtype == "float16" else "float32"
