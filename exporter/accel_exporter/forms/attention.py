"""`MultiHeadAttention`, which takes queries, keys and values from the linear layers: [B, L, heads × width]."""

from typing import Any

import onnx_ir as ir
from onnxscript.rewriter.pattern import RewriteRule

from accel_exporter.forms.weights import constant

_HEADS = 2  # position in [B, L, heads, width]


def attention(
    op: Any,
    q: Any,
    k: Any,
    v: Any,
    q_shape: Any,
    k_shape: Any,
    v_shape: Any,
    flat: Any,
    back: Any,
    joined: Any,
    q_scale: Any,
    k_scale: Any,
) -> Any:
    """The nodes that torch's exporter writes for `scaled_dot_product_attention` between diffusers' reshapes."""
    query = op.Mul(op.Transpose(op.Reshape(q, q_shape), perm=[0, 2, 1, 3]), q_scale)
    heads = op.Reshape(op.Transpose(op.Reshape(k, k_shape), perm=[0, 2, 1, 3]), flat)
    key = op.Mul(op.Reshape(op.Transpose(heads, perm=[0, 2, 1]), back), k_scale)
    value = op.Transpose(op.Reshape(v, v_shape), perm=[0, 2, 1, 3])
    mixed = op.MatMul(op.Softmax(op.MatMul(query, key), axis=-1), value)
    return op.Reshape(op.Transpose(mixed, perm=[0, 2, 1, 3]), joined)


def open_attention(op: Any, q: Any, k: Any, v: Any, q_shape: Any, joined: Any, q_scale: Any, k_scale: Any) -> Any:
    """The same of any number of tokens: shapes copy it, so the sizes may be those of other queries and keys.

    Args:
        op: Makes nodes, or patterns of them.
        q: Queries, [B, L, heads × width].
        k: Keys, [B, M, heads × width].
        v: Values, [B, M, heads × width].
        q_shape: [0, 0, heads, width], of keys and values too.
        joined: [0, 0, heads × width].
        q_scale: What queries are multiplied by.
        k_scale: What keys are multiplied by.
    """
    query = op.Mul(op.Transpose(op.Reshape(q, q_shape), perm=[0, 2, 1, 3]), q_scale)
    key = op.Mul(op.Transpose(op.Reshape(k, q_shape), perm=[0, 2, 3, 1]), k_scale)
    value = op.Transpose(op.Reshape(v, q_shape), perm=[0, 2, 1, 3])
    mixed = op.MatMul(op.Softmax(op.MatMul(query, key), axis=-1), value)
    return op.Reshape(op.Transpose(mixed, perm=[0, 2, 1, 3]), joined)


def _fits(_context: Any, q_shape: ir.Value, q_scale: ir.Value, k_scale: ir.Value, **_: Any) -> bool:
    known = constant(q_scale) is not None and constant(k_scale) is not None
    return known and heads_of(q_shape) is not None


def _replace(op: Any, q: Any, k: Any, v: Any, q_shape: ir.Value, q_scale: ir.Value, k_scale: ir.Value, **_: Any) -> Any:
    on_query, on_key = constant(q_scale), constant(k_scale)
    assert on_query is not None and on_key is not None  # noqa: S101, PT018  # `_fits` saw them
    return op.MultiHeadAttention(
        q,
        k,
        v,
        num_heads=heads_of(q_shape),
        scale=float(on_query.item()) * float(on_key.item()),
        _domain="com.microsoft",
        _version=1,
    )


def heads_of(shape: ir.Value) -> int | None:
    """The number of heads in the target of a Reshape, a constant or joined from parts; None where it is unknown."""
    whole, node = constant(shape), shape.producer()
    if whole is None and node is not None and node.op_type == "Concat" and len(node.inputs) == 4:
        whole = constant(node.inputs[_HEADS])
        return None if whole is None or whole.size != 1 else int(whole.item())
    return None if whole is None or whole.size != 4 else int(whole[_HEADS])


ATTENTION = (
    RewriteRule(attention, _replace, _fits, name="MultiHeadAttention", remove_nodes=False),
    RewriteRule(open_attention, _replace, _fits, name="OpenMultiHeadAttention", remove_nodes=False),
)
