"""Trace a torch module to torch's own graph, which ONNX and AOTInductor both start from."""

import gc
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from accel_exporter.graphs import Axis, Traceable
from accel_exporter.open_sizes import OpenSizes, opened
from accel_exporter.unet import inference
from accel_runtime.errors import ExportError, first_line


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A traced module and its graph, whose weights share memory with the module's.

    Attributes:
        traceable: The module.
        exported: The graph.
        is_static: Whether all sizes are fixed.
        sizes: Numbers that stand for the open sizes in the shapes of the graph's values, where symbols do not.
    """

    traceable: Traceable
    exported: ExportedProgram
    is_static: bool
    sizes: OpenSizes | None = None


def export_program(traceable: Traceable, *, is_static: bool) -> Program:
    """Trace a module, its open sizes as torch's symbols, which AOTInductor needs.

    Raises:
        ExportError: torch cannot trace it; the message names the component.
    """
    dynamic_shapes = None if is_static else _dynamic_shapes(traceable)
    inputs = tuple(traceable.inputs.values())
    return Program(traceable, _export(traceable, inputs, dynamic_shapes=dynamic_shapes), is_static)


def export_program_for_onnx(traceable: Traceable) -> Program:
    """Trace a module of open sizes as `open_sizes` does, or where that cannot be, as `export_program` does.

    Raises:
        ExportError: torch cannot trace it; the message names the component.
    """
    # `translate` traces a text encoder anew anyhow.
    sizes = None if traceable.part == "text" else OpenSizes.of(traceable)
    if sizes is not None:
        exported = opened(_export(traceable, tuple(sizes.inputs(traceable)), dynamic_shapes=None), sizes)
        if exported is not None:
            return Program(traceable, exported, is_static=False, sizes=sizes)
    return export_program(traceable, is_static=False)


def _export(traceable: Traceable, inputs: tuple[Tensor, ...], *, dynamic_shapes: Any) -> ExportedProgram:
    with inference(traceable.module), quiet(), without_garbage_collection():
        try:
            return torch.export.export(traceable.module, inputs, dynamic_shapes=dynamic_shapes, strict=False)
        except (RuntimeError, ValueError, TypeError) as error:
            raise ExportError(f"{traceable.name}: torch cannot trace it: {first_line(error)}") from error


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Tracing makes millions of small objects that stay; looking through them again and again costs a sixth of it."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def quiet() -> Iterator[None]:
    """Mute exporters, whose messages are for their developers; users get errors."""
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


def _dynamic_shapes(traceable: Traceable) -> tuple[dict[int, Any], ...]:
    return tuple(
        {axis: _dimension(spec) for axis, spec in traceable.axes.get(name, {}).items()} for name in traceable.inputs
    )


@cache
def _dimension(axis: Axis) -> Any:
    if axis.multiple == 1:
        # Left to torch: it narrows a named dimension's range itself and then complains of it.
        return torch.export.Dim.DYNAMIC
    # The upper bound keeps torch from proving things about absurdly large pictures.
    unit = torch.export.Dim(f"{axis.symbol}_{axis.multiple}", min=1, max=4096 // axis.multiple)
    factor = axis.multiple // axis.over
    return unit if factor == 1 else factor * unit
