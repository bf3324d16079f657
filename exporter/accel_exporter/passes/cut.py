"""Cut a shallow pass out of the deep one."""

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir import convenience

from accel_runtime.errors import ExportError


def cut_shallow(deep: ir.Model, feature: str) -> ir.Model:
    """The graph that computes the noise when ``feature`` is given instead of computed.

    Walking back from the noise and stopping at the feature finds exactly the nodes that the noise
    needs beside it: the down units that make the skips 0..k, the up units that eat them, and the
    time embedding. Nothing of the deep part can be left over, and no node differs from the deep graph's.

    1. The inputs are the deep pass's inputs that are still used, then the feature.
    2. The only output is the noise, the deep pass's first output.
    3. Initializers are the deep pass's own tensors: same names, same bytes.
    """
    graph = deep.graph
    by_name = {value.name: value for value in (*graph.inputs, *graph.outputs)}
    if feature not in by_name:
        raise ExportError(f"unet: the deep graph has no output {feature}")
    inputs = [*graph.inputs, by_name[feature]]
    shallow = extract(graph, inputs, graph.outputs[:1])
    _drop_unused_inputs(shallow, feature)
    shallow.name = f"{graph.name}_shallow"
    return ir.Model(shallow, ir_version=deep.ir_version)


def noise_only(deep: ir.Model) -> ir.Model:
    """The deep pass without its feature outputs: the monolithic UNet, node for node."""
    graph = deep.graph
    return ir.Model(extract(graph, graph.inputs, graph.outputs[:1]), ir_version=deep.ir_version)


def extract(graph: ir.Graph, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value]) -> ir.Graph:
    """The part of ``graph`` between ``inputs`` and ``outputs``, its initializers in the order of their names."""
    part = convenience.extract(graph, inputs=list(inputs), outputs=list(outputs))
    # `extract` collects them in a set, so their order would differ from run to run.
    ordered = sorted(part.initializers.values(), key=lambda value: value.name or "")
    part.initializers.clear()
    for value in ordered:
        part.register_initializer(value)
    return part


def _drop_unused_inputs(graph: ir.Graph, feature: str) -> None:
    unused = [value for value in graph.inputs if not value.uses()]
    for value in unused:
        if value.name == feature:
            raise ExportError(f"unet: the noise does not depend on {feature}")
        graph.inputs.remove(value)
