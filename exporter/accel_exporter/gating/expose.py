"""Hand out what each cross-attention gives, as a picture's cells: [rows, h, w, C].

It is done on the plain graph, before shallow passes are cut out of it. Nothing but the readers of these values changes:
they read them from the cells, so that a graph can be given the cells instead.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import onnx_ir as ir

from accel_exporter import names
from accel_exporter.merging.rewrite import grid_of, levels_of
from accel_exporter.passes.cast import redirect
from accel_exporter.passes.clean import clean
from accel_runtime.errors import ExportError

# An input of an operator, and nothing of its values.
_OF_SIZES: Final = "Shape"


def keep_attended(model: ir.Model) -> ir.Model:
    """A copy of ``model`` with an output more for each cross-attention, in the order in which they run.

    Args:
        model: A plain graph of a UNet.

    Raises:
        ExportError: It has no cross-attention that can be taken apart.
    """
    keeping = model.clone()
    graph = keeping.graph
    found = _attended(graph)
    if not found:
        raise ExportError("tgate: the UNet has no cross-attention whose output could be kept")
    levels = levels_of(graph)
    for number, value in enumerate(found):
        grid = grid_of(value)
        _hand_out(graph, value, names.attended(number), grid=grid, level=levels[grid])
    clean(keeping)
    return keeping


def _attended(graph: ir.Graph) -> list[ir.Value]:
    """What cross-attentions give, behind their output projection."""
    texts = [value for value in graph.inputs if value.name == names.TEXT]
    ends = {_end_of(reader) for text in texts for reader in _products_of(text)}
    return [value for node in graph for value in node.outputs if value in ends]


def _products_of(text: ir.Value) -> Iterator[ir.Node]:
    """The linear layers that make keys and values of the text, which may be cast before."""
    for reader in _readers(text):
        if reader.op_type == "Cast":
            yield from _products_of(reader.outputs[0])
        else:
            yield reader


def _end_of(product: ir.Node) -> ir.Value:
    """The sum with its bias of the first linear layer behind keys or values, on the only way that there is."""
    node = product
    while not _is_biased(node):
        readers = {*_readers(node.outputs[0])}
        if len(readers) != 1:
            raise ExportError(f"tgate: {node.outputs[0].name}, made of the text, is not part of one attention alone")
        (node,) = readers
    return node.outputs[0]


def _readers(value: ir.Value) -> list[ir.Node]:
    return [reader for reader, _ in value.uses() if reader.op_type != _OF_SIZES]


def _is_biased(node: ir.Node) -> bool:
    return node.op_type == "Add" and any(map(_is_vector, node.inputs))


def _is_vector(value: ir.Value | None) -> bool:
    tensor = None if value is None else value.const_value
    return tensor is not None and len(tensor.shape) == 1


def _hand_out(graph: ir.Graph, value: ir.Value, name: str, *, grid: ir.Value, level: int) -> None:
    """Put the cells between a value [rows, h × w, C] and its readers."""
    end = value.producer()
    assert end is not None  # noqa: S101  # the sum that `_end_of` found
    (bias,) = filter(_is_vector, end.inputs)
    assert bias is not None and bias.shape is not None and bias.dtype is not None  # noqa: S101, PT018  # a weight
    channels = int(bias.shape.numpy()[0])
    sizes = ir.node("Shape", [grid], name=f"node_{name}_sizes")
    cells = ir.node("Reshape", [value, sizes.outputs[0]], name=f"node_{name}")
    shape = ir.node("Constant", [], {"value": ir.tensor(np.array([0, -1, channels], np.int64))})
    tokens = ir.node("Reshape", [cells.outputs[0], shape.outputs[0]], name=f"node_{name}_tokens")
    redirect(value, tokens.outputs[0], but=cells)
    graph.insert_after(end, [sizes, cells, shape, tokens])
    made = cells.outputs[0]
    made.name, made.type, made.shape = name, ir.TensorType(bias.dtype), _shape(graph.inputs[0], channels, level=level)
    graph.outputs.append(made)


def _shape(sample: ir.Value, channels: int, *, level: int) -> ir.Shape:
    """[rows, h, w, C] in the sample's dimensions, of which sides were halved and rounded up ``level`` times."""
    assert sample.shape is not None  # noqa: S101  # graph contract
    rows, _, *sides = (dim if isinstance(dim, int) else str(dim.value) for dim in sample.shape)
    over = 2**level
    halved = [-(-side // over) if isinstance(side, int) else f"{side}/{over}" if level else side for side in sides]
    return ir.Shape([rows, *halved, channels])
