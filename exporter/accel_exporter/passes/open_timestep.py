"""Let rows of one call stand at timesteps of their own."""

from typing import Final

import onnx_ir as ir

from accel_runtime.bundle.dims import TIMESTEPS

_SPREADS: Final = "Expand"


class OpenTimestep(ir.passes.InPlacePass):
    """Give the timestep an open dimension: one for all rows, or one for each.

    torch traced it as ``[1]``, and the graph spreads it over the rows before it does anything else. ONNX's Expand
    leaves a timestep of each row as it is, so the graph needs no other change. A graph that uses the timestep in
    another way, or has a fixed number of rows, stays as it is.

    Args:
        name: The timestep's input.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Open the timestep of ``model``."""
        value = next((each for each in model.graph.inputs if each.name == self._name), None)
        rows_are_open = not isinstance((model.graph.inputs[0].shape or ir.Shape([1]))[0], int)
        is_spread = value is not None and all(node.op_type == _SPREADS for node in value.consumers())
        if value is None or not (rows_are_open and is_spread):
            return ir.passes.PassResult(model, modified=False)
        value.shape = ir.Shape([TIMESTEPS])
        return ir.passes.PassResult(model, modified=True)
