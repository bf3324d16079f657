"""Translate torch's graph to ONNX nodes, one for one, without tracing the module a second time.

`torch.onnx.export` first decomposes the graph by `run_decompositions`, which runs the whole module anew on symbols: it
takes as long as tracing did. Of a UNet or a VAE it changes nothing that ONNX sees, for every operator in their graphs
has a translation of its own. What little it would do is done here on the graph itself; a graph with anything else in it
goes the long way. This uses internals of torch's exporter, so the package pins torch's minor version.
"""

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import onnx_ir as ir
import torch
from onnxscript.version_converter import convert_version
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node
from torch.onnx._internal.exporter import _core, _fx_passes, _ir_passes, _registration

from accel_exporter.open_sizes import open_shapes
from accel_exporter.program import Program, export_program

_ATEN: Final = torch.ops.aten
# In evaluation mode these hand on what they are given, or another view of it.
_IDENTITIES: Final = (_ATEN.contiguous.default, _ATEN.dropout.default)
_CASTS: Final = (_ATEN.to.dtype,)


def translate(program: Program, *, opset: int) -> ir.Model:
    """The ONNX model of a program, unoptimised.

    Raises:
        RuntimeError: torch cannot translate it; also ValueError and TypeError.
    """
    traceable = program.traceable
    simple = simplified(program.exported)
    if all(_is_translated(node, opset=opset) for node in simple.graph.nodes):
        model = _core._exported_program_to_onnx_program(simple, registry=_registry(opset)).model  # noqa: SLF001
        if program.sizes is not None:
            open_shapes(model, program.sizes)
        convert_version(model, opset, fallback=True)
        _ir_passes.rename_inputs(model, list(traceable.inputs))
        _ir_passes.rename_outputs(model, list(traceable.outputs))
        return model
    if program.sizes is not None:
        # The long way traces the module anew, and wants symbols.
        program = export_program(traceable, is_static=False)
    onnx_program = torch.onnx.export(
        program.exported,
        dynamo=True,
        opset_version=opset,
        input_names=list(traceable.inputs),
        output_names=list(traceable.outputs),
        optimize=False,
        verbose=False,
    )
    if onnx_program is None:
        raise RuntimeError("torch's ONNX exporter returned nothing")
    return onnx_program.model


def simplified(exported: ExportedProgram) -> ExportedProgram:
    """A copy over the same weights, without what a decomposition would remove.

    1. Dropout, `contiguous` and casts to the same type go; a cast to another is written as decompositions write it.
    2. `reshape` is `view`, for which ONNX has the same operator; `chunk` counts its axis from the front; a `narrow`
       from the first place on is a `slice`.
    3. Assertions go.
    """
    graph_module = GraphModule(exported.graph_module, copy.deepcopy(exported.graph))
    for node in list(graph_module.graph.nodes):
        if node.target in (*_IDENTITIES, *_CASTS) and not _is_output(node):
            _simplify(graph_module, node)
        elif node.target is _ATEN.reshape.default:
            node.target = _ATEN.view.default
        elif node.target is _ATEN.chunk.default:
            node.args = _counted_from_front(node)
        elif node.target is _ATEN.narrow.default:
            node.target, node.args = _ATEN.slice.Tensor, _ends_of(node)
    simple = copy.copy(exported)
    simple._graph_module = _fx_passes.remove_assertion_nodes(graph_module)  # noqa: SLF001 - as torch's exporter does
    return simple


def _simplify(graph_module: GraphModule, node: Node) -> None:
    given = node.args[0]
    assert isinstance(given, Node)  # noqa: S101 - the tensor that all of these operators take first
    replacement = given
    if node.meta["val"].dtype != given.meta["val"].dtype:
        with graph_module.graph.inserting_before(node):
            to = {"dtype": node.meta["val"].dtype}
            replacement = graph_module.graph.call_function(_ATEN._to_copy.default, (given,), to)  # noqa: SLF001
            replacement.meta = dict(node.meta)
    node.replace_all_uses_with(replacement)
    graph_module.graph.erase_node(node)


def _counted_from_front(chunk: Node) -> tuple[Any, ...]:
    given, count, *axis = chunk.args
    assert isinstance(given, Node)  # noqa: S101 - as above
    return given, count, (axis[0] if axis else 0) % given.meta["val"].ndim


def _ends_of(narrow: Node) -> tuple[Any, ...]:
    given, axis, start, length = narrow.args
    assert start == 0  # noqa: S101 - the only one that a UNet has, in `upsampling.cropped`
    return given, axis, start, length


def _is_output(node: Node) -> bool:
    return any(user.op == "output" for user in node.users)


def _is_translated(node: Node, *, opset: int) -> bool:
    """Whether the node has a translation, and means in ONNX what it means in torch.

    torch promotes types where operands differ, ONNX does not: so all tensors must be of one floating-point type.
    """
    if node.op != "call_function":
        return node.op in ("placeholder", "output")
    if not _registry(opset).get_decomps(node.target):  # type: ignore[arg-type]
        return False
    if node.target is _ATEN._to_copy.default:  # noqa: SLF001
        return True
    types = {tensor.dtype for value in (node, *node.all_input_nodes) for tensor in _tensors(value.meta.get("val"))}
    return len(types) <= 1 and all(dtype.is_floating_point for dtype in types)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)


@cache
def _registry(opset: int) -> _registration.ONNXRegistry:
    """Torchlib's translations; collecting them takes a second, and they never change."""
    return _registration.ONNXRegistry.from_torchlib(opset_version=opset)
