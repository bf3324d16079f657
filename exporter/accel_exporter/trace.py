"""From torch's graph to an ONNX model in memory, by torch's ONNX exporter."""

import onnx_ir as ir
import torch
from onnxscript.optimizer import optimize

from accel_exporter.program import Program, quiet, without_garbage_collection
from accel_runtime.errors import ExportError, first_line


def trace(program: Program, *, opset: int) -> ir.Model:
    """Translate a program into an ONNX model whose weights still share memory with torch.

    Raises:
        ExportError: torch cannot translate it; names the component.
    """
    traceable = program.traceable
    with torch.no_grad(), quiet(), without_garbage_collection():
        try:
            onnx_program = torch.onnx.export(
                program.exported,
                dynamo=True,
                opset_version=opset,
                input_names=list(traceable.inputs),
                output_names=list(traceable.outputs),
                optimize=False,
                verbose=False,
            )
        except (RuntimeError, ValueError, TypeError) as error:
            raise ExportError(
                f"{traceable.name}: torch cannot export it at opset {opset}: {first_line(error)}"
            ) from error
    if onnx_program is None:
        raise ExportError(f"{traceable.name}: torch's ONNX exporter returned nothing")
    # torch would optimise twice; after the first round only Identity nodes are left to remove, which `clean` does.
    return optimize(onnx_program.model, num_iterations=1)
