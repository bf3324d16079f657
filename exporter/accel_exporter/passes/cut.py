"""Cut a shallow pass out of the deep one."""

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
    shallow = convenience.extract(graph, inputs=inputs, outputs=[graph.outputs[0]])
    _drop_unused_inputs(shallow, feature)
    shallow.name = f"{graph.name}_shallow"
    return ir.Model(shallow, ir_version=deep.ir_version)


def noise_only(deep: ir.Model) -> ir.Model:
    """The deep pass without its feature outputs: the monolithic UNet, node for node."""
    graph = convenience.extract(deep.graph, inputs=list(deep.graph.inputs), outputs=[deep.graph.outputs[0]])
    return ir.Model(graph, ir_version=deep.ir_version)


def _drop_unused_inputs(graph: ir.Graph, feature: str) -> None:
    unused = [value for value in graph.inputs if not value.uses()]
    for value in unused:
        if value.name == feature:
            raise ExportError(f"unet: the noise does not depend on {feature}")
        graph.inputs.remove(value)
