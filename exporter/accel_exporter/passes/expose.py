"""Hand out the feature itself, not a slice of the join it went into."""

from collections.abc import Collection

import onnx_ir as ir

from accel_runtime.errors import ExportError


class ExposeFeatures(ir.passes.InPlacePass):
    """Rewire each feature output from `Slice(Concat(below, skip))` to `below`.

    The deep pass says in torch what a feature is: the leading channels of a join. In the graph
    that is a copy of a tensor that exists already.

    1. Each feature output must be a Slice of a Concat of two tensors on axis 1.
    2. The output becomes the Concat's first input, under the output's name.
    3. The Slice goes; nothing else changes.

    Args:
        features: The names of the feature outputs.
    """

    def __init__(self, features: Collection[str]) -> None:
        super().__init__()
        self._features = features

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewire every feature output of ``model``."""
        outputs = model.graph.outputs
        for index, output in enumerate(outputs):
            if output.name in self._features:
                outputs[index] = self._expose(output)
        return ir.passes.PassResult(model, modified=True)

    def _expose(self, output: ir.Value) -> ir.Value:
        name, slice_node = output.name, output.producer()
        join = slice_node.inputs[0].producer() if slice_node and slice_node.inputs[0] else None
        if slice_node is None or join is None or not _is_join(slice_node, join):
            raise ExportError(f"unet: {name} is not the first part of a join of two tensors: the UNet cannot be cut")
        below = join.inputs[0]
        assert below is not None  # noqa: S101  # _is_join saw both inputs
        below.shape, below.type = output.shape, output.type
        output.name = f"{name}_slice"
        below.name = name
        return below


def _is_join(slice_node: ir.Node, join: ir.Node) -> bool:
    axis = join.attributes.get("axis")
    return (
        slice_node.op_type == "Slice"
        and join.op_type == "Concat"
        and axis is not None
        and axis.as_int() == 1
        and len(join.inputs) == 2
        and all(value is not None for value in join.inputs)
    )
