"""One graph that rounds the layers of any group as int8 would, so that groups are compared without new sessions."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import onnx_ir as ir

from accel_exporter.int8.layers import Layer
from accel_exporter.int8.rewrite import Range, initializer, rounded, rounded_weights, with_ranges

SWITCHES: Final = "switches"


def with_switches(model: ir.Model, ranges: Mapping[str, Range], *, groups: Sequence[Sequence[str]]) -> ir.Model:
    """A copy of ``model`` with another input, `switches` [groups]: 1 rounds the layers of a group, 0 leaves them.

    Args:
        model: A float32 graph.
        ranges: See `accel_exporter.int8.rewrite.quantise`.
        groups: Names of the layers of each group.
    """
    copy = model.clone()
    graph = copy.graph
    switches = ir.Input(SWITCHES, shape=ir.Shape([len(groups)]), type=ir.TensorType(ir.DataType.FLOAT))
    graph.inputs.append(switches)
    number = {name: at for at, names in enumerate(groups) for name in names}
    for layer, given, made in with_ranges(copy, ranges, names=number):
        at = initializer(graph, f"{layer.name}_group", np.array([number[layer.name]]))
        switch = _add(graph, "Gather", [switches, at])
        _switch(layer, switch, graph=graph, given=given, made=made)
    graph.sort()
    return copy


def _switch(layer: Layer, switch: ir.Value, *, graph: ir.Graph, given: Range, made: Range) -> None:
    node, x, weights, output = layer.node, layer.x, layer.weights, layer.node.outputs[0]
    readers = list(output.uses())
    node.replace_input_with(0, _blend(graph, x, rounded(x, given, graph=graph), switch=switch))
    node.replace_input_with(1, _blend(graph, weights, rounded_weights(layer, weights), switch=switch))
    if readers:
        blended = _blend(graph, output, rounded(output, made, graph=graph), switch=switch)
        for use in readers:
            use.node.replace_input_with(use.idx, blended)


def _blend(graph: ir.Graph, exact: ir.Value, rough: ir.Value, *, switch: ir.Value) -> ir.Value:
    """What ``switch`` says: ``exact`` at 0, ``rough`` at 1."""
    error = _add(graph, "Sub", [rough, exact])
    return _add(graph, "Add", [exact, _add(graph, "Mul", [error, switch])])


def _add(graph: ir.Graph, operator: str, inputs: Sequence[ir.Value]) -> ir.Value:
    node = ir.node(operator, inputs)
    graph.append(node)
    return node.outputs[0]
