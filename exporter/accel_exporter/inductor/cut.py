"""Cut a shallow pass out of the deep one, in torch's own graph; the twin of `accel_exporter.passes.cut`."""

from collections.abc import Iterator

import torch
from torch import fx
from torch.fx import GraphModule, Node

from accel_runtime.errors import ExportError


def cut_module(deep: GraphModule, output: int) -> GraphModule:
    """The module that computes the noise when a feature is given instead of computed.

    1. The feature is what its output in the deep graph is sliced from: the first part of a join.
    2. Kept are the nodes between the inputs and the noise that do not lie behind it.
    3. The inputs are those of the deep graph that are still used, by name, then ``feature``, which may come in another
       precision than the deep graph computes in.

    Args:
        deep: The deep pass as a graph; its first output is the noise.
        output: Index of the output that is the feature.

    Raises:
        ExportError: The graph has another structure.
    """
    noise, *features = _outputs(deep)
    below = _below(features[output - 1])
    kept = set(_needed(noise, stop=below))
    graph = fx.Graph()
    copies: dict[Node, Node] = {}
    for node in deep.graph.find_nodes(op="placeholder"):
        if node in kept:
            copies[node] = graph.node_copy(node)
    given = graph.placeholder("feature")
    copies[below] = graph.call_function(torch.ops.aten.to.dtype, (given, below.meta["val"].dtype))
    for node in deep.graph.nodes:
        if node in kept and node not in copies:
            copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output((copies[noise],))
    return GraphModule(deep, graph)


def input_names(module: GraphModule) -> tuple[str, ...]:
    """The names of a graph's inputs, in order."""
    return tuple(str(node.target) for node in module.graph.find_nodes(op="placeholder"))


def _outputs(module: GraphModule) -> tuple[Node, ...]:
    (output,) = module.graph.find_nodes(op="output")
    return tuple(output.args[0])


def _below(feature: Node) -> Node:
    """The tensor that the feature output is a slice of: `Slice(cat([below, skip], 1))` gives ``below``."""
    join = feature.args[0] if feature.target is torch.ops.aten.slice.Tensor else None
    if isinstance(join, Node) and join.target is torch.ops.aten.cat.default:
        parts = join.args[0]
        if isinstance(parts, (list, tuple)) and len(parts) == 2 and isinstance(parts[0], Node):
            return parts[0]
    raise ExportError(f"unet: {feature.name} is not the first part of a join of two tensors: the UNet cannot be cut")


def _needed(noise: Node, *, stop: Node) -> Iterator[Node]:
    """Every node that the noise needs, walking back and stopping at ``stop``."""
    seen = {stop}
    waiting = [noise]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            yield node
            waiting.extend(node.all_input_nodes)
