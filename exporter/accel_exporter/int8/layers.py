"""The layers of a graph that can be quantised: convolutions and linear layers with weights of their own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

Kind = Literal["convolution", "linear"]

# Operator → what it is. A linear layer over rows without tokens, as those of the time embedding, becomes a Gemm.
_WEIGHTED: Final[dict[str, Kind]] = {"Conv": "convolution", "MatMul": "linear", "Gemm": "linear"}


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A node with weights.

    Attributes:
        node: The node: x, weights and maybe a bias.
        kind: What it is.
        axis: Axis of the weights along which the outputs are.
    """

    node: ir.Node
    kind: Kind
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
            yield Layer(node, _WEIGHTED[node.op_type], _axis(node))


def layers(model: ir.Model) -> Iterator[Layer]:
    """Those that cost time: not the linear layers of the time embedding, which see one row each."""
    return (layer for layer in all_layers(model) if layer.node.op_type != "Gemm")


def groups(model: ir.Model) -> tuple[tuple[Layer, ...], ...]:
    """Layers that are judged together: those of one kind, and linear ones also of one shape, between two of another.

    A transformer block is four groups: its queries, keys, values and outputs, those of the text, and the two linear
    layers of its feed-forward.
    """
    runs = [tuple(run) for _, run in groupby(layers(model), key=lambda layer: layer.kind)]
    return tuple(part for run in runs for part in ([run] if run[0].kind == "convolution" else _by_shape(run)))


def _axis(node: ir.Node) -> int:
    """The axis of its weights along which a node's outputs are."""
    turned = node.attributes.get("transB")
    return 0 if node.op_type == "Conv" or (turned is not None and turned.as_int()) else 1


def _by_shape(run: Sequence[Layer]) -> Iterator[tuple[Layer, ...]]:
    shapes = dict.fromkeys(layer.values().shape for layer in run)
    yield from (tuple(layer for layer in run if layer.values().shape == shape) for shape in shapes)
