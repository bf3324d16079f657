"""A bfloat16 graph written out in float32, so that a graph no CPU of ONNX Runtime can run is checked on one."""

import numpy as np
import onnx_ir as ir

from accel_exporter.passes.cast import cast, redirect

_NARROW, _WIDE = ir.DataType.BFLOAT16, ir.DataType.FLOAT


def in_float32(model: ir.Model, *, rounds: bool) -> ir.Model:
    """A copy of ``model`` whose operators compute in float32; the weights stay the bfloat16 ones of the file.

    1. Each bfloat16 weight is cast once, which is exact.
    2. Each result that was bfloat16 is float32. Where it ``rounds``, it is rounded to bfloat16 first, as by kernels
       that take bfloat16 and sum in float32; where not, only the weights are rounded, which torch can do too.
    3. A Cast to bfloat16 is a result like any other.
    """
    copy = model.clone()
    graph = copy.graph
    nodes = list(graph)
    for node in nodes:
        _widen_constants(node)
        for value in node.outputs:
            if value.dtype == _NARROW:
                value.type = ir.TensorType(_WIDE)
                if rounds:
                    _round(graph, node, value)
    for value in graph.initializers.values():
        if value.dtype == _NARROW:
            wide = cast(value, _WIDE, name=f"{value.name}_widened")
            redirect(value, wide.outputs[0], but=wide)
            graph.insert_before(nodes[0], wide)
    return copy


def _widen_constants(node: ir.Node) -> None:
    """What a Cast makes, and numbers that a Constant or ConstantOfShape holds."""
    for name, attribute in node.attributes.items():
        if node.op_type == "Cast" and name == "to" and attribute.as_int() == _NARROW:
            node.attributes[name] = ir.AttrInt64(name, _WIDE)
        elif attribute.type == ir.AttributeType.TENSOR and attribute.as_tensor().dtype == _NARROW:
            values = attribute.as_tensor().numpy().astype(np.float32)
            node.attributes[name] = ir.AttrTensor(name, ir.tensor(values))


def _round(graph: ir.Graph, node: ir.Node, value: ir.Value) -> None:
    narrow = cast(value, _NARROW, name=f"{value.name}_rounded")
    wide = cast(narrow.outputs[0], _WIDE, name=f"{value.name}_widened")
    redirect(value, wide.outputs[0], but=narrow)
    graph.insert_after(node, [narrow, wide])
