"""The ranges of the tensors that convolutions take and give, from runs of the float32 graph."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnx_ir as ir

from accel_exporter.check import Arrays, run_calls
from accel_exporter.int8.layers import convolutions
from accel_exporter.int8.rewrite import Range
from accel_runtime.backends import Backend

_ENDS: Final = {"lows": "ReduceMin", "highs": "ReduceMax"}


def measure_ranges(graph: Path, calls: Iterable[Arrays], *, backend: Backend) -> dict[str, Range]:
    """Run a float32 graph and see between what its convolutions' inputs and outputs lie.

    A copy of the graph that gives the ranges instead of its outputs is written beside it for the time of the runs.

    Args:
        graph: The file.
        calls: Inputs by name, of each call.
        backend: Runs the copy.

    Returns:
        Ranges over all calls, by the tensors' names.
    """
    model = ir.load(graph)
    names = _watched(model)
    _give_ranges(model, names)
    beside = graph.with_suffix(".ranges.onnx")
    ir.save(model, beside)
    try:
        ends = {name: np.zeros(len(names), np.float32) for name in _ENDS}
        made = list(run_calls(beside, calls, outputs=ends, backend=backend))
    finally:
        beside.unlink()
    lows = np.min([each["lows"] for each in made], axis=0)
    highs = np.max([each["highs"] for each in made], axis=0)
    return {name: Range(float(low), float(high)) for name, low, high in zip(names, lows, highs, strict=True)}


def _watched(model: ir.Model) -> tuple[str, ...]:
    """Inputs and outputs of all convolutions, by name, each once."""
    values = [value for layer in convolutions(model) for value in (layer.x, layer.node.outputs[0])]
    return tuple(dict.fromkeys(value.name or "" for value in values))


def _give_ranges(model: ir.Model, names: Sequence[str]) -> None:
    graph = model.graph
    values = {value.name: value for value in (*graph.inputs, *(out for node in graph for out in node.outputs))}
    graph.outputs.clear()
    for name, operator in _ENDS.items():
        ends = [ir.node(operator, [_flat(graph, values[each])], {"keepdims": 1}) for each in names]
        joined = ir.node("Concat", [each.outputs[0] for each in ends], {"axis": 0})
        output = joined.outputs[0]
        output.name, output.shape, output.type = name, ir.Shape([len(names)]), ir.TensorType(ir.DataType.FLOAT)
        graph.extend([*ends, joined])
        graph.outputs.append(output)


def _flat(graph: ir.Graph, value: ir.Value) -> ir.Value:
    """The value in one dimension: operators that reduce all of them may give none."""
    if "flat" not in graph.initializers:
        shape = ir.tensor(np.array([-1]), name="flat")
        graph.register_initializer(ir.Value(name="flat", const_value=shape))
    flat = ir.node("Reshape", [value, graph.initializers["flat"]])
    graph.append(flat)
    return flat.outputs[0]
