"""Remove what the exporter leaves behind: notes to its developers, doubles, dead nodes."""

import onnx_ir as ir
from onnx_ir.passes import common


def clean(model: ir.Model) -> None:
    """Clean ``model`` in place.

    1. `metadata_props` and doc strings go: they are most of a weightless graph's size.
    2. Constants become initializers, so that equal ones can be found.
    3. Small initializers of equal content become one (large ones share bytes in the `WeightStore`);
       nodes that compute the same become one.
    4. Identities, and nodes and opsets that nothing uses, go.
    """
    ir.passes.Sequential(
        common.ClearMetadataAndDocStringPass(),
        common.IdentityEliminationPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=False),
        common.DeduplicateInitializersPass(),
        common.CommonSubexpressionEliminationPass(),
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedOpsetsPass(),
        common.NameFixPass(),
    )(model)
