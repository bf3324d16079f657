"""Replace fused operators by standard ones, so that a graph that no CPU can run is checked on one.

Each definition follows the operator's documentation in ONNX Runtime (docs/ContribOperators.md) and not the graphs that
`fuse` starts from. What has a kernel on the CPU stays and runs as it is.
"""

from collections.abc import Callable, Mapping
from typing import Any

import onnx_ir as ir
from onnx_ir import convenience
from onnx_ir.tape import Tape

from accel_exporter.forms.fuse import CONTRIB
from accel_exporter.forms.group_norm import TO_NCHW, TO_NHWC

Values = list[ir.Value]


class _Operators(Tape):
    """A tape that makes nodes: ``op.Add(a, b)`` for ``tape.op("Add", [a, b])``."""

    def __getattr__(self, op_type: str) -> Callable[..., ir.Value]:
        def add(*inputs: ir.Value, domain: str = "", **attributes: Any) -> ir.Value:
            return self.op(op_type, inputs, attributes, domain=domain)

        return add


def expand(model: ir.Model) -> ir.Model:
    """A copy of ``model`` without the operators of `EXPANSIONS`."""
    expanded = model.clone()
    for node in list(expanded.graph):
        if node.domain == CONTRIB and node.op_type in EXPANSIONS:
            op = _Operators()
            made = EXPANSIONS[node.op_type](op, node)[: len(node.outputs)]
            convenience.replace_nodes_and_values(expanded.graph, node, [node], op.nodes, node.outputs, made)
    return expanded


def _group_norm(op: _Operators, node: ir.Node) -> Values:
    x, gamma, beta = _inputs(node)[:3]
    return [_normalized(op, node, x, gamma, beta)]


def _skip_group_norm(op: _Operators, node: ir.Node) -> Values:
    x, gamma, beta, skip = _inputs(node)[:4]
    maker = skip.producer()
    # [N, C], straight from a linear layer, is added to every pixel.
    is_vector = maker is not None and maker.op_type == "Gemm"
    total = op.Add(x, op.Unsqueeze(skip, _ints(op, 1, 2))) if is_vector else _add(op, x, skip)
    return [_normalized(op, node, total, gamma, beta), total]


def _normalized(op: _Operators, node: ir.Node, x: ir.Value, gamma: ir.Value, beta: ir.Value) -> ir.Value:
    """(x - mean) / sqrt(variance + epsilon) · gamma + beta over [N, H, W, group], in float32."""
    groups = node.attributes["groups"].as_int()
    apart = op.Concat(op.Shape(x, start=0, end=3), _ints(op, groups, -1), axis=0)
    grouped = op.Reshape(op.Cast(x, to=ir.DataType.FLOAT), apart)
    axes = _ints(op, 1, 2, 4)
    away = op.Sub(grouped, op.ReduceMean(grouped, axes, keepdims=1))
    variance = op.ReduceMean(op.Mul(away, away), axes, keepdims=1)
    epsilon = _number(op, node.attributes["epsilon"].as_float())
    normal = op.Reshape(op.Div(away, op.Sqrt(op.Add(variance, epsilon))), op.Shape(x))
    scaled = op.Add(op.Mul(normal, gamma), beta)
    if node.attributes["activation"].as_int():
        scaled = op.Mul(scaled, op.Sigmoid(scaled))
    return op.CastLike(scaled, x)


def _nhwc_conv(op: _Operators, node: ir.Node) -> Values:
    x, filters, bias = _inputs(node)
    attributes = {name: attribute.value for name, attribute in node.attributes.items()}
    turned = op.Transpose(filters, perm=TO_NCHW)
    return [op.Transpose(op.Conv(op.Transpose(x, perm=TO_NCHW), turned, bias, **attributes), perm=TO_NHWC)]


def _bias_split_gelu(op: _Operators, node: ir.Node) -> Values:
    x, bias = _inputs(node)
    halves = {"axis": -1, "num_outputs": 2}
    left, right = op.op_multi_out("Split", [op.Add(x, bias)], halves, num_outputs=2)
    half, one, root = (op.CastLike(_number(op, value), x) for value in (0.5, 1.0, 2**-0.5))
    cumulative = op.Mul(half, op.Add(one, op.Erf(op.Mul(right, root))))
    return [op.Mul(left, op.Mul(right, cumulative))]


def _bias_add(op: _Operators, node: ir.Node) -> Values:
    x, bias, skip = _inputs(node)
    return [_add(op, op.Add(x, bias), skip)]


def _add(op: _Operators, one: ir.Value, other: ir.Value) -> ir.Value:
    """Add, but refuse unlike shapes as the fused kernels do: ONNX's Add would stretch them."""
    axis = _ints(op, 0)
    stacked = op.Concat(op.Unsqueeze(one, axis), op.Unsqueeze(other, axis), axis=0)
    return op.ReduceSum(stacked, axis, keepdims=0)


def _in_float32(op: _Operators, node: ir.Node) -> Values:
    """The operator itself, which the CPU has in float32 only."""
    attributes = {name: attribute.value for name, attribute in node.attributes.items()}
    given = [op.Cast(value, to=ir.DataType.FLOAT) for value in _inputs(node)]
    made = getattr(op, node.op_type)(*given, **attributes, domain=CONTRIB)
    # Nodes that `expand` made are skipped.
    return [op.CastLike(made, node.inputs[0])]


EXPANSIONS: Mapping[str, Callable[[_Operators, ir.Node], Values]] = {
    "GroupNorm": _group_norm,
    "SkipGroupNorm": _skip_group_norm,
    "NhwcConv": _nhwc_conv,
    "BiasSplitGelu": _bias_split_gelu,
    "BiasAdd": _bias_add,
    "MultiHeadAttention": _in_float32,
    "QuickGelu": _in_float32,
}


def _inputs(node: ir.Node) -> Values:
    return [value for value in node.inputs if value is not None]


def _ints(op: _Operators, *values: int) -> ir.Value:
    return op.Constant(value_ints=values)


def _number(op: _Operators, value: float) -> ir.Value:
    return op.Constant(value_float=value)
