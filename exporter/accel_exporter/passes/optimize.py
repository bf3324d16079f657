"""Fold and rewrite what torch's translation leaves behind."""

from typing import Final

import onnx_ir as ir
from onnx_ir.passes import common
from onnxscript import rewriter
from onnxscript.optimizer import fold_constants

# It compares every Slice with every other by looking through the whole graph for each node: four fifths of the time of
# all rules, and no graph of ours has two slices that are a Split.
_LEFT_OUT: Final = frozenset({"SlicesSplit"})

_RULES: Final = tuple(rule for rule in rewriter._DEFAULT_REWRITE_RULES if rule.name not in _LEFT_OUT)  # noqa: SLF001


def optimize(model: ir.Model) -> None:
    """Optimise ``model`` in place as `onnxscript.optimizer.optimize` does in one iteration, but for one rule.

    A second iteration would only remove Identity nodes, which `clean` does.
    """
    common.InlinePass()(model)
    fold_constants(model, onnx_shape_inference=True)
    ir.passes.Sequential(
        rewriter.RewritePass(_rules_of(model)),
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedFunctionsPass(),  # type: ignore[no-untyped-call]
        common.RemoveUnusedOpsetsPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.LiftSubgraphInitializersToMainGraphPass(),
        common.DeduplicateInitializersPass(),
        common.CommonSubexpressionEliminationPass(),
        common.OutputFixPass(),
        common.NameFixPass(),
    )(model)
    _forget_graphs()


def _rules_of(model: ir.Model) -> tuple[rewriter.RewriteRule, ...]:
    """The rules that begin at an operator which the model has: each of the others would look at every node in vain."""
    present = {node.op_identifier() for node in model.graph.all_nodes()}
    return tuple(rule for rule in _RULES if rule._target_pattern.output_node.op_identifier() in {*present, None})  # noqa: SLF001


def _forget_graphs() -> None:
    """Let go of what the rules, which live as long as the process, matched last: one node holds a graph's weights."""
    for rule in _RULES:
        for name in ("_graph", "_current_node", "_match"):
            if hasattr(rule._matcher, name):  # noqa: SLF001 - set anew for each match
                setattr(rule._matcher, name, None)  # noqa: SLF001
