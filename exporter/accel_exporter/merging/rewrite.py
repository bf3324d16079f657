"""Merge the tokens of a UNet graph's largest self-attentions, whose cost grows with the square of their number.

It is done on the plain graph, before it is fused: a form of the merged graph is made as that of any other.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter.pattern import RewriteRule, RewriteRuleSet

from accel_exporter.forms.attention import attention, heads_of, open_attention
from accel_exporter.forms.weights import constant
from accel_exporter.merging.nodes import match, merge, unmerge
from accel_exporter.passes.clean import clean
from accel_runtime.errors import ExportError

# [B, C, h, w] → [B, h, w, C], as a picture's cells become tokens.
_TO_TOKENS: Final = (0, 2, 3, 1)
# What of a transformer block reads the same norm: queries, keys and values of its self-attention.
_READERS: Final = 3


def merge_tokens(model: ir.Model, ratio: float) -> ir.Model:
    """A copy of ``model`` that merges ``ratio`` of the tokens of each of its largest self-attentions.

    Tokens are matched as they come into a transformer block, merged before its self-attention, and become as many
    again behind it. Inputs, outputs and weights stay the same.

    Args:
        model: A plain graph of a UNet.
        ratio: Share of the tokens that is merged.

    Raises:
        ExportError: It has no self-attention that can be taken apart.
    """
    merged = model.clone()
    grids = {norm: grid_of(norm) for norm in _norms(merged.graph)}
    levels = levels_of(merged.graph)
    if not grids:
        raise ExportError("tome: the UNet has no self-attention of a transformer block to merge tokens in")
    largest = min(levels[grid] for grid in grids.values())
    chosen = {norm: grid for norm, grid in grids.items() if levels[grid] == largest}
    made = RewriteRuleSet([_rule(chosen, ratio)]).apply_to_model(merged)
    if made != len(chosen):
        raise ExportError(f"tome: tokens can be merged in {made} of the UNet's {len(chosen)} largest self-attentions")
    clean(merged)
    return merged


def _norms(graph: ir.Graph) -> Iterator[ir.Value]:
    """What self-attentions are given: the norms that three linear layers read."""
    for node in graph:
        if node.op_type == "LayerNormalization":
            readers = [reader for reader, _ in node.outputs[0].uses() if reader.op_type == "MatMul"]
            if len(readers) == _READERS:
                yield node.outputs[0]


def grid_of(tokens: ir.Value) -> ir.Value:
    """The cells [B, h, w, C] that the tokens of a transformer block were made of: the nearest ones before it."""
    near, seen = [tokens], {tokens}
    for value in near:
        node = value.producer()
        if node is None:
            continue
        if node.op_type == "Transpose" and tuple(node.attributes["perm"].as_ints()) == _TO_TOKENS:
            return value
        new = [given for given in node.inputs if given is not None and given not in seen]
        near += new
        seen.update(new)
    raise ExportError("the tokens of an attention are not made of a picture's cells")


def levels_of(graph: ir.Graph) -> Mapping[ir.Value, int]:
    """How often each value that comes from the sample was halved."""
    levels: dict[ir.Value, int] = {graph.inputs[0]: 0}
    for node in graph:
        known = next((levels[given] for given in node.inputs if given in levels), None)
        if known is not None and node.op_type != "Shape":
            levels |= dict.fromkeys(node.outputs, known + _halvings(node))
    return levels


def _halvings(node: ir.Node) -> int:
    if node.op_type == "Resize":
        return -1
    strides = node.attributes.get("strides")
    return 1 if node.op_type == "Conv" and strides is not None and max(strides.as_ints()) > 1 else 0


def _rule(grids: Mapping[ir.Value, ir.Value], ratio: float) -> RewriteRule:
    def is_chosen(_context: Any, normed: ir.Value, q_shape: ir.Value, wq: ir.Value, **_: Any) -> bool:
        return normed in grids and heads_of(q_shape) is not None and constant(wq) is not None

    return RewriteRule(_self_attention, _merged(grids, ratio), is_chosen, name="TokenMerging", remove_nodes=False)


def _self_attention(
    op: Any,
    normed: Any,
    wq: Any,
    wk: Any,
    wv: Any,
    q_shape: Any,
    k_shape: Any,
    v_shape: Any,
    flat: Any,
    back: Any,
    joined: Any,
    q_scale: Any,
    k_scale: Any,
    wo: Any,
    bo: Any,
) -> Any:
    """What a transformer block adds to its tokens first."""
    q, k, v = (op.MatMul(normed, weights) for weights in (wq, wk, wv))
    mixed = attention(op, q, k, v, q_shape, k_shape, v_shape, flat, back, joined, q_scale, k_scale)
    return op.Add(op.MatMul(mixed, wo), bo)


def _merged(grids: Mapping[ir.Value, ir.Value], ratio: float) -> Callable[..., Any]:
    def replacement(
        op: Any,
        normed: Any,
        wq: Any,
        wk: Any,
        wv: Any,
        q_shape: Any,
        q_scale: Any,
        k_scale: Any,
        wo: Any,
        bo: Any,
        **_: Any,
    ) -> Any:
        node, heads, weights = normed.producer(), heads_of(q_shape), constant(wq)
        assert heads is not None and weights is not None  # noqa: S101, PT018  # `is_chosen` saw them
        is_float = weights.dtype == np.float32
        matched = match(op, node.inputs[0], grid=grids[normed], ratio=ratio, is_float=is_float)
        fewer = merge(op, normed, matched)
        q, k, v = (op.MatMul(fewer, each) for each in (wq, wk, wv))
        width = weights.shape[-1]
        split, joined = (_shape(op, *shape) for shape in ((0, 0, heads, width // heads), (0, 0, width)))
        mixed = open_attention(op, q, k, v, split, joined, q_scale, k_scale)
        return unmerge(op, op.Add(op.MatMul(mixed, wo), bo), matched)

    return replacement


def _shape(op: Any, *sizes: int) -> Any:
    return op.Constant(value=ir.tensor(np.array(sizes, np.int64)))
