"""A Cast, ready to be put into a graph."""

import onnx_ir as ir


def cast(value: ir.Value, to: ir.DataType, *, name: str) -> ir.Node:
    """A node that gives ``value`` in another type, its output called ``name``; it is not in the graph yet."""
    node = ir.node("Cast", [value], {"to": to}, name=f"node_{name}")
    (made,) = node.outputs
    made.name, made.type, made.shape = name, ir.TensorType(to), value.shape
    return node


def redirect(value: ir.Value, replacement: ir.Value, *, but: ir.Node) -> None:
    """Make every reader of ``value`` read ``replacement``, all ``but`` one."""
    for reader, index in tuple(value.uses()):
        if reader is not but:
            reader.replace_input_with(index, replacement)
