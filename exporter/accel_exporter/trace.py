"""Translate torch's graph to an ONNX model in memory."""

import onnx_ir as ir
import torch

from accel_exporter.passes import optimize
from accel_exporter.program import Program, quiet, without_garbage_collection
from accel_exporter.translate import translate
from accel_runtime.errors import ExportError, first_line


def trace(program: Program, *, opset: int) -> ir.Model:
    """Translate a program into an ONNX model whose weights still share memory with torch.

    Raises:
        ExportError: torch cannot translate it; the message names the component.
    """
    with torch.no_grad(), quiet(), without_garbage_collection():
        try:
            model = translate(program, opset=opset)
        except (RuntimeError, ValueError, TypeError) as error:
            name = program.traceable.name
            raise ExportError(f"{name}: torch cannot export it at opset {opset}: {first_line(error)}") from error
        optimize(model)
    return model
