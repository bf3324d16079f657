"""From a torch module to an ONNX model in memory, by `torch.export` and torch's ONNX exporter."""

import gc
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import onnx_ir as ir
import torch
from onnxscript.optimizer import optimize

from accel_exporter.graphs import Axis, Traceable
from accel_exporter.unet import inference
from accel_runtime.errors import ExportError


def trace(traceable: Traceable, *, opset: int, is_static: bool) -> ir.Model:
    """Trace a module into an ONNX model whose weights still share memory with torch.

    Raises:
        ExportError: torch cannot trace or translate the module; names the component.
    """
    dynamic_shapes = None if is_static else _dynamic_shapes(traceable)
    with inference(traceable.module), _quiet(), _without_garbage_collection():
        try:
            program = torch.export.export(
                traceable.module,
                tuple(traceable.inputs.values()),
                dynamic_shapes=dynamic_shapes,
                strict=False,
            )
            onnx_program = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=opset,
                input_names=list(traceable.inputs),
                output_names=list(traceable.outputs),
                optimize=False,
                verbose=False,
            )
        except (RuntimeError, ValueError, TypeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ExportError(f"{traceable.name}: torch cannot export it at opset {opset}: {reason}") from error
    if onnx_program is None:
        raise ExportError(f"{traceable.name}: torch's ONNX exporter returned nothing")
    # torch would optimise twice; after the first round only Identity nodes are left to remove, which `clean` does.
    return optimize(onnx_program.model, num_iterations=1)


def _dynamic_shapes(traceable: Traceable) -> tuple[dict[int, Any], ...]:
    return tuple(
        {axis: _dimension(spec) for axis, spec in traceable.axes.get(name, {}).items()} for name in traceable.inputs
    )


def _dimension(axis: Axis) -> Any:
    if axis.multiple == 1:
        # Left to torch: it narrows a named dimension's range itself and then complains of it.
        return torch.export.Dim.DYNAMIC
    # The upper bound keeps torch from proving things about absurdly large pictures.
    return axis.multiple * torch.export.Dim(f"{axis.symbol}_{axis.multiple}", min=1, max=4096 // axis.multiple)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Tracing makes millions of small objects that stay; looking through them again and again costs a sixth of it."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporters talk to their own developers; what a user must know reaches them as an error."""
    loggers: Mapping[str, logging.Logger] = {
        name: logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")
    }
    levels = {name: logger.level for name, logger in loggers.items()}
    for logger in loggers.values():
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, logger in loggers.items():
            logger.setLevel(levels[name])
