"""The forms of ONNX Runtime's own operators: fused of all that diffusion models have, attention of that alone."""

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.passes import common
from onnxscript.rewriter.pattern import RewriteRule, RewriteRuleSet

from accel_exporter.forms.attention import ATTENTION
from accel_exporter.forms.group_norm import GROUP_NORM, GROUP_NORM_SILU, SKIP_GROUP_NORM
from accel_exporter.forms.nhwc import NHWC_CONV, TRANSPOSES
from accel_exporter.forms.transformer import BIAS_ADD, BIAS_SPLIT_GELU, QUICK_GELU, SKIP_LAYER_NORM

CONTRIB = "com.microsoft"

# Each set of rules applies to the result of the sets before it.
_ROUNDS: Sequence[Sequence[RewriteRule]] = (
    (*ATTENTION, *GROUP_NORM_SILU, *BIAS_SPLIT_GELU, *QUICK_GELU),
    GROUP_NORM,
    (*SKIP_GROUP_NORM, *SKIP_LAYER_NORM),
    (*BIAS_ADD, *NHWC_CONV),
    TRANSPOSES,
)


def fuse(model: ir.Model) -> ir.Model:
    """A copy of ``model`` with fused operators; inputs, outputs and their meaning stay the same.

    Weights are shared with ``model`` but for those that change their layout, which are made when they are read.
    docs/design/0009-graph-forms.md says what is fused and for whom.
    """
    return _rewritten(model, _ROUNDS)


def fuse_attention(model: ir.Model) -> ir.Model:
    """A copy of ``model`` with MultiHeadAttention, which has a kernel on processors too; see `fuse`."""
    return _rewritten(model, (ATTENTION,))


def _rewritten(model: ir.Model, rounds: Sequence[Sequence[RewriteRule]]) -> ir.Model:
    fused = model.clone()
    for rules in rounds:
        RewriteRuleSet(list(rules)).apply_to_model(fused)
        # A sum that a norm now hands out may be read by nodes before that norm.
        fused.graph.sort()
        _drop_unread_outputs(fused.graph)
    ir.passes.Sequential(
        common.ClearMetadataAndDocStringPass(),
        common.IdentityEliminationPass(),
        common.CommonSubexpressionEliminationPass(),
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedOpsetsPass(),
        common.NameFixPass(),
    )(fused)
    return fused


def _drop_unread_outputs(graph: ir.Graph) -> None:
    """Remove unused optional outputs at the end of a contrib node; a kernel would still write them."""
    for node in graph:
        outputs = list(node.outputs)
        while len(outputs) > 1 and not outputs[-1].uses() and not outputs[-1].is_graph_output():
            outputs.pop()
        if node.domain == CONTRIB and len(outputs) < len(node.outputs):
            node.resize_outputs(len(outputs))
