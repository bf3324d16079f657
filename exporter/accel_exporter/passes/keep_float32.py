"""Where a bfloat16 graph stays float32."""

import onnx_ir as ir

from accel_exporter.passes.cast import cast, redirect

# Without a bfloat16 kernel in ONNX Runtime's CUDA provider (its docs/BFloat16_Support.md). The plainest upsampling
# copies values, so this rounds nothing.
_WITHOUT_KERNEL = frozenset({"Resize"})

_NARROW, _WIDE = ir.DataType.BFLOAT16, ir.DataType.FLOAT


class KeepFloat32(ir.passes.InPlacePass):
    """Float32 where bfloat16 cannot go: between graphs, and through operators without a kernel for it.

    1. A bfloat16 input becomes float32 and is cast where it comes in: numpy, which holds features on a
       host, has no such type.
    2. A bfloat16 output is cast where it goes out; widening is exact.
    3. Operators of `_WITHOUT_KERNEL` get a cast before and behind them.

    A graph without bfloat16 stays as it is.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Widen ``model``."""
        graph = model.graph
        for value in graph.inputs:
            if value.dtype == _NARROW:
                _widen_input(graph, value)
        for at, value in enumerate(graph.outputs):
            if value.dtype == _NARROW:
                graph.outputs[at] = _widened_output(graph, value)
        for node in list(graph):
            if node.op_type in _WITHOUT_KERNEL and node.outputs[0].dtype == _NARROW:
                _wrap(graph, node)
        return ir.passes.PassResult(model, modified=True)


def _widen_input(graph: ir.Graph, value: ir.Value) -> None:
    value.type = ir.TensorType(_WIDE)
    narrow = cast(value, _NARROW, name=f"{value.name}_bfloat16")
    redirect(value, narrow.outputs[0], but=narrow)
    graph.insert_before(graph[0], narrow)


def _widened_output(graph: ir.Graph, value: ir.Value) -> ir.Value:
    """The output's own name goes to the wide one."""
    name = value.name or ""
    value.name = f"{name}_bfloat16"
    wide = cast(value, _WIDE, name=name)
    graph.append(wide)
    return wide.outputs[0]


def _wrap(graph: ir.Graph, node: ir.Node) -> None:
    given, made = node.inputs[0], node.outputs[0]
    assert given is not None  # noqa: S101  # what is resized
    wide = cast(given, _WIDE, name=f"{made.name}_given")
    graph.insert_before(node, wide)
    node.replace_input_with(0, wide.outputs[0])
    made.type = ir.TensorType(_WIDE)
    narrow = cast(made, _NARROW, name=f"{made.name}_bfloat16")
    redirect(made, narrow.outputs[0], but=narrow)
    graph.insert_after(node, narrow)
