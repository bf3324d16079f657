"""The layers of a graph: convolutions and linear layers with weights of their own."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

# Gemm is what a linear layer over rows without tokens becomes, as those of the time embedding.
_WEIGHTED: Final = ("Conv", "MatMul", "Gemm")


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A node with weights.

    Attributes:
        node: The node: x, weights and maybe a bias.
        axis: Axis of the weights along which the outputs are.
    """

    node: ir.Node
    axis: int

    @property
    def name(self) -> str:
        """Name of the node, the same in the deep graph and in those that are cut from it."""
        return self.node.name or ""

    @property
    def x(self) -> ir.Value:
        """What it is given."""
        given = self.node.inputs[0]
        assert given is not None  # noqa: S101 - the operators that are layers have two inputs
        return given

    @property
    def weights(self) -> ir.Value:
        """The initializer of its weights."""
        given = self.node.inputs[1]
        assert given is not None  # noqa: S101 - as above
        return given

    def values(self) -> NDArray[np.float32]:
        """The weights themselves."""
        tensor = self.weights.const_value
        assert tensor is not None  # noqa: S101 - `all_layers` saw them
        return np.asarray(tensor.numpy())


def all_layers(model: ir.Model) -> Iterator[Layer]:
    """Every node of a float32 graph that has weights, in the graph's order."""
    for node in model.graph:
        if node.op_type not in _WEIGHTED or node.domain:
            continue
        weights = node.inputs[1]
        tensor = None if weights is None else weights.const_value
        if tensor is not None and tensor.dtype == ir.DataType.FLOAT and len(tensor.shape) >= 2:
            yield Layer(node, _axis(node))


def convolutions(model: ir.Model) -> Iterator[Layer]:
    """The layers that are computed in int8.

    Linear layers are not: where a bias follows, ONNX Runtime computes them in float32 all the same, and is slower for
    the rounding (docs/design/0028-cpu.md).
    """
    return (layer for layer in all_layers(model) if layer.node.op_type == "Conv")


def groups(model: ir.Model) -> tuple[tuple[Layer, ...], ...]:
    """Convolutions that are judged together: those between two transformer blocks."""
    runs = groupby(all_layers(model), key=_is_between)
    found = (tuple(layer for layer in run if layer.node.op_type == "Conv") for is_between, run in runs if is_between)
    return tuple(group for group in found if group)


def _is_between(layer: Layer) -> bool:
    """Whether a layer is a convolution, or the linear layer over a time embedding that is beside some."""
    return layer.node.op_type in ("Conv", "Gemm")


def _axis(node: ir.Node) -> int:
    """The axis of its weights along which a node's outputs are."""
    turned = node.attributes.get("transB")
    return 0 if node.op_type == "Conv" or (turned is not None and turned.as_int()) else 1
