"""Graphs with layers in int8, written as QuantizeLinear and DequantizeLinear around the float32 operators.

Runtimes that know the pattern compute such a layer in int8; all others compute the same numbers in float32.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from accel_exporter.int8.layers import Layer, all_layers, convolutions

_LARGEST: Final = 127  # of int8, so that a weight and its negative are as far from zero
_LEVELS: Final = 255  # steps of uint8
_ROUNDED: Final = "_rounded"


@dataclass(frozen=True, slots=True)
class Range:
    """The smallest and the largest value of a tensor."""

    low: float
    high: float

    @property
    def scale(self) -> np.float32:
        """The step between two of the 256 values; zero is one of them."""
        return np.float32(max(max(self.high, 0.0) - min(self.low, 0.0), 1e-8) / _LEVELS)

    @property
    def zero_point(self) -> np.uint8:
        """The one of the 256 values that stands for zero."""
        return np.uint8(np.clip(np.rint(-min(self.low, 0.0) / self.scale), 0, _LEVELS))


def quantise(model: ir.Model, ranges: Mapping[str, Range], *, names: Collection[str]) -> ir.Model:
    """A copy of ``model`` whose convolutions take and give uint8, with int8 weights and a scale for each channel.

    Without the outputs ONNX Runtime would compute them in float32.

    Args:
        model: A float32 graph.
        ranges: By name, the ranges of the tensors that these layers take and give.
        names: Convolutions by name; those that the graph does not have are passed over.
    """
    copy = model.clone()
    for layer, given, made in with_ranges(copy, ranges, names=names):
        _quantise_weights(layer)
        layer.node.replace_input_with(0, rounded(layer.x, given, graph=copy.graph))
        _round_output(layer.node.outputs[0], made, graph=copy.graph)
    copy.graph.sort()
    return copy


def quantise_weights(model: ir.Model) -> ir.Model:
    """A copy of ``model`` whose layers have int8 weights, and compute in float32."""
    copy = model.clone()
    for layer in list(all_layers(copy)):
        _quantise_weights(layer)
    copy.graph.sort()
    return copy


def with_ranges(
    model: ir.Model, ranges: Mapping[str, Range], *, names: Collection[str]
) -> list[tuple[Layer, Range, Range]]:
    """The convolutions of these names, with the ranges of what they take and give; before anything is rewritten."""
    found = [layer for layer in convolutions(model) if layer.name in names]
    return [(each, ranges[each.x.name or ""], ranges[each.node.outputs[0].name or ""]) for each in found]


def rounded(value: ir.Value, found: Range, *, graph: ir.Graph) -> ir.Value:
    """The value after QuantizeLinear and DequantizeLinear, made once for all layers that read it."""
    if (value.name or "").endswith(_ROUNDED):
        return value
    if (known := _known(value)) is not None:
        return known
    scale = initializer(graph, f"{value.name}_scale", np.array(found.scale))
    zero = initializer(graph, f"{value.name}_zero", np.array(found.zero_point))
    down = ir.node("QuantizeLinear", [value, scale, zero], name=f"{value.name}_quantize")
    _give(down, f"{value.name}_uint8", dtype=ir.DataType.UINT8, like=value)
    up = ir.node("DequantizeLinear", [down.outputs[0], scale, zero], name=f"{value.name}_dequantize")
    _give(up, f"{value.name}{_ROUNDED}", dtype=ir.DataType.FLOAT, like=value)
    graph.extend([down, up])
    return up.outputs[0]


def rounded_weights(layer: Layer, weights: ir.Value) -> ir.Value:
    """The weights of a layer as int8 times one scale for each output channel."""
    graph = layer.node.graph
    assert isinstance(graph, ir.Graph)  # noqa: S101 - a layer is a node of a graph
    scales, integers = _int8(layer.values(), axis=layer.axis)
    given = [
        initializer(graph, f"{weights.name}_int8", integers),
        initializer(graph, f"{weights.name}_scales", scales),
    ]
    node = ir.node("DequantizeLinear", given, {"axis": layer.axis}, name=f"{layer.name}_weights")
    _give(node, f"{layer.name}_weights", dtype=ir.DataType.FLOAT, like=weights)
    graph.append(node)
    return node.outputs[0]


def initializer(graph: ir.Graph, name: str, values: NDArray[np.generic]) -> ir.Value:
    """An initializer of a name that is given once."""
    if name not in graph.initializers:
        tensor = ir.tensor(values, name=name)
        value = ir.Value(name=name, const_value=tensor, shape=ir.Shape(values.shape), type=ir.TensorType(tensor.dtype))
        graph.register_initializer(value)
    return graph.initializers[name]


def _quantise_weights(layer: Layer) -> None:
    graph, weights = layer.node.graph, layer.weights
    layer.node.replace_input_with(1, rounded_weights(layer, weights))
    if not weights.uses() and isinstance(graph, ir.Graph):
        del graph.initializers[weights.name or ""]


def _int8(values: NDArray[np.float32], *, axis: int) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """One scale for each index of ``axis``, and the integers to multiply by it."""
    others = tuple(each for each in range(values.ndim) if each != axis)
    peaks = np.abs(values).max(axis=others, keepdims=True)
    scales = np.maximum(peaks / _LARGEST, np.float32(1e-12)).astype(np.float32)
    integers = np.rint(values / scales).clip(-_LARGEST, _LARGEST).astype(np.int8)
    return scales.reshape(-1), integers


def _known(value: ir.Value) -> ir.Value | None:
    """What was made of a value before: what reads the integers that are made of it."""
    downs = [use.node.outputs[0] for use in value.uses() if use.node.op_type == "QuantizeLinear"]
    return next((use.node.outputs[0] for down in downs for use in down.uses()), None)


def _round_output(value: ir.Value, found: Range, *, graph: ir.Graph) -> None:
    """Let all readers of a value read it rounded; an output of the graph stays as it is."""
    readers = [use for use in value.uses() if use.node.op_type != "QuantizeLinear"]
    if not readers:
        return
    instead = rounded(value, found, graph=graph)
    for use in readers:
        use.node.replace_input_with(use.idx, instead)


def _give(node: ir.Node, name: str, *, dtype: ir.DataType, like: ir.Value) -> None:
    output = node.outputs[0]
    output.name, output.shape, output.type = name, like.shape, ir.TensorType(dtype)
