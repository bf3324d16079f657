"""Cut gated passes out of the keeping graph, as a shallow pass is cut out of the deep one (docs/design/0004-cut.md)."""

from collections.abc import Sequence

import onnx_ir as ir

from accel_exporter import names
from accel_exporter.passes.cut import extract
from accel_runtime.errors import ExportError


def cut_gated(keeping: ir.Model) -> ir.Model:
    """The graph that makes noise and features where it is given what its cross-attentions gave, and no text."""
    made = [value for value in keeping.graph.outputs if not names.is_attended(value.name or "")]
    gated = _cut(keeping, [], made)
    missing = {value.name for value in _kept(keeping.graph)} - {value.name for value in gated.graph.inputs}
    if missing:
        raise ExportError(f"tgate: the noise does not depend on {min(map(str, missing))}")
    return gated


def cut_gated_shallow(keeping: ir.Model, feature: str) -> ir.Model:
    """The graph that makes the noise where it is also given ``feature``; it takes what is kept for its own part."""
    graph = keeping.graph
    given = [value for value in graph.outputs if value.name == feature]
    return _cut(keeping, given, [graph.outputs[0]])


def _cut(keeping: ir.Model, given: Sequence[ir.Value], made: Sequence[ir.Value]) -> ir.Model:
    graph = keeping.graph
    part = extract(graph, [*graph.inputs, *given, *_kept(graph)], made)
    for value in [value for value in part.inputs if not value.uses()]:
        part.inputs.remove(value)
    part.name = f"{graph.name}_gated"
    return ir.Model(part, ir_version=keeping.ir_version)


def _kept(graph: ir.Graph) -> list[ir.Value]:
    return [value for value in graph.outputs if names.is_attended(value.name or "")]
