"""Count the FLOPs of a graph."""

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Final

import onnx
import onnx_ir as ir
from onnxruntime.tools.symbolic_shape_infer import SymbolicShapeInference
from onnxscript.optimizer import fold_constants

from accel_exporter.program import quiet
from accel_runtime.bundle.dims import resolve
from accel_runtime.errors import ExportError

Shapes = Mapping[str, tuple[int, ...]]

# What graphs that merge tokens have, and others do not.
_OF_MERGING: Final = ("GatherND",)


def count_flops(path: Path, sizes: Mapping[str, int]) -> int:
    """2 × multiply-accumulates of convolutions and matrix products in one call.

    Args:
        path: The ONNX file; its weights are not read.
        sizes: A number for each symbol in the inputs' shapes.

    Element-wise work (norms, activations, softmax) is left out, as is usual for these models:
    fvcore, torch's FlopCounterMode and the DeepCache paper do the same.
    """
    return sum(flops for _, flops in _each_node(path, sizes))


def flops_by_node(path: Path, sizes: Mapping[str, int]) -> dict[str, int]:
    """The same as `count_flops`, for each convolution and matrix product by its name."""
    return {name: flops for name, flops in _each_node(path, sizes) if flops}


def _each_node(path: Path, sizes: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    model = onnx.load(path, load_external_data=False)
    _fix_sizes(model, sizes)
    _weights_to_inputs(model.graph)
    _write_out_attention(model.graph)
    inferred = _inferred(model)
    if inferred is None:
        raise ExportError(f"{path.name}: shapes cannot be inferred, so its FLOPs cannot be counted")
    shapes = _shapes(inferred.graph)
    yield from ((node.name, _node_flops(node, shapes)) for node in inferred.graph.node)


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """The model with the shapes of all values; None where they cannot be inferred."""
    if not any(node.op_type in _OF_MERGING for node in model.graph.node):
        inferred: onnx.ModelProto | None = SymbolicShapeInference.infer_shapes(model, auto_merge=True)
        return inferred
    # ONNX Runtime's inference takes no rows of GatherND apart. With fixed sizes, numbers of tokens are constants.
    fixed = ir.from_proto(onnx.shape_inference.infer_shapes(model))
    with quiet():
        fold_constants(fixed, onnx_shape_inference=True)
    return onnx.shape_inference.infer_shapes(ir.to_proto(fixed), data_prop=True)


def _node_flops(node: onnx.NodeProto, shapes: Shapes) -> int:
    if node.op_type == "Conv":
        # weight: [out, in / groups, kernel…]
        return 2 * prod(shapes[node.output[0]]) * prod(shapes[node.input[1]][1:])
    if node.op_type == "MatMul":
        return 2 * prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
    if node.op_type == "Gemm":
        transposed = any(a.name == "transA" and a.i for a in node.attribute)
        return 2 * prod(shapes[node.output[0]]) * shapes[node.input[0]][0 if transposed else -1]
    return 0


def _fix_sizes(model: onnx.ModelProto, sizes: Mapping[str, int]) -> None:
    for value in model.graph.input:
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param:
                (dimension.dim_value,) = resolve((dimension.dim_param,), sizes)
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")


def _weights_to_inputs(graph: onnx.GraphProto) -> None:
    """Make weights inputs, which have only shapes: shape inference would read the values of weights."""
    external = [tensor for tensor in graph.initializer if tensor.data_location == onnx.TensorProto.EXTERNAL]
    for tensor in external:
        graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
        graph.initializer.remove(tensor)


def _write_out_attention(graph: onnx.GraphProto) -> None:
    """Attention as its two matrix products: shape inference takes it for ONNX Runtime's own operator of that name."""
    nodes = [part for node in graph.node for part in (_products(node) if node.op_type == "Attention" else (node,))]
    del graph.node[:]
    graph.node.extend(nodes)


def _products(node: onnx.NodeProto) -> tuple[onnx.NodeProto, ...]:
    """The FLOPs of attention over queries, keys and values [B, heads, L, width]; softmax and mask are not counted."""
    query, key, value = node.input[:3]
    made = node.output[0]
    return (
        onnx.helper.make_node("Transpose", [key], [f"{made}_key"], perm=(0, 1, 3, 2)),
        onnx.helper.make_node("MatMul", [query, f"{made}_key"], [f"{made}_scores"]),
        onnx.helper.make_node("MatMul", [f"{made}_scores", value], [made]),
    )


def _shapes(graph: onnx.GraphProto) -> dict[str, tuple[int, ...]]:
    values: Iterable[onnx.ValueInfoProto] = (*graph.input, *graph.value_info, *graph.output)
    shapes = {
        value.name: tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim) for value in values
    }
    return shapes | {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
