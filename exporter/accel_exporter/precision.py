"""A component computed in half precision, between float32 inputs and outputs."""

from dataclasses import replace
from typing import Final

import torch
from torch import Tensor, nn

from accel_exporter import names
from accel_exporter.graphs import Traceable
from accel_runtime.manifest import Precision

# Half precision cannot hold a timestep of 958.04, a side of 2049 pixels or class 999, and UNets embed the first two in
# float32.
_FLOAT32: Final = (names.TIMESTEP, names.TIME_IDS, names.CLASS_LABELS)


def in_precision(traceable: Traceable, dtype: Precision) -> Traceable:
    """A component computing in ``dtype``; its weights are converted in place.

    Inputs and outputs are cast by hooks, which do not mind how many there are; features stay in half precision. Norms
    and softmax are of that precision in the graph; GPU providers' kernels accumulate them in float32.
    """
    if dtype == "float32":
        return traceable
    half: torch.dtype = getattr(torch, dtype)
    stay = [name in _FLOAT32 or not tensor.is_floating_point() for name, tensor in traceable.inputs.items()]
    narrow = [name in traceable.features for name in traceable.outputs]

    def cast_inputs(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(each if stays else each.to(half) for each, stays in zip(inputs, stay, strict=True))

    def cast_outputs(_: nn.Module, __: object, outputs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        made = outputs if isinstance(outputs, tuple) else (outputs,)
        return tuple(each if stays else each.float() for each, stays in zip(made, narrow, strict=True))

    module = traceable.module.to(half)
    module.register_forward_pre_hook(cast_inputs)
    module.register_forward_hook(cast_outputs)
    return replace(traceable, module=module)


def round_weights(traceable: Traceable) -> Traceable:
    """Round the weights of a module to bfloat16 in place; they stay float32 tensors."""
    traceable.module.to(torch.bfloat16).to(torch.float32)
    return traceable


def feature_dtype(dtype: Precision) -> Precision:
    """The precision of the features of a UNet that computes in ``dtype``.

    It is half precision only where numpy has that, since the host sums forecasts too. All other outputs are float32.
    """
    return "float16" if dtype == "float16" else "float32"
