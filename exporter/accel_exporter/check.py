"""Compare every exported graph with torch on random inputs, using the runtime's own backend."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from accel_exporter.graphs import Traceable
from accel_exporter.unet import inference
from accel_runtime.backends import Backend, OnnxRuntimeBackend
from accel_runtime.errors import ExportError

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Reference:
    """Inputs of a module, and torch's outputs for them."""

    inputs: Arrays
    outputs: Arrays


def torch_reference(traceable: Traceable) -> Reference:
    """Run the module in torch on the traceable's own inputs."""
    with inference(traceable.module) as module, torch.inference_mode():
        outputs = module(*traceable.inputs.values())
    named = zip(traceable.outputs, outputs if isinstance(outputs, tuple) else (outputs,), strict=True)
    return Reference(
        inputs={name: tensor.numpy() for name, tensor in traceable.inputs.items()},
        outputs={name: tensor.contiguous().numpy() for name, tensor in named},
    )


def check_graph(path: Path, reference: Reference, *, tolerance: float, backend: Backend | None = None) -> float:
    """Run the graph at ``path`` on the reference's inputs and compare its outputs with torch's.

    Returns:
        The largest difference of any output, relative to that output's largest value.

    Raises:
        ExportError: The difference is over ``tolerance`` or not finite.
    """
    made = run_graph(path, reference, backend=backend)
    errors = {name: relative_error(made[name], expected) for name, expected in reference.outputs.items()}
    worst = max(errors, key=lambda name: _rank(errors[name]))
    if not errors[worst] <= tolerance:
        raise ExportError(
            f"{path.name}: output {worst} differs from torch by {errors[worst]:.2e} of its size, "
            f"over the tolerance of {tolerance:.0e}: the graph cannot be trusted"
        )
    return errors[worst]


def run_graph(path: Path, reference: Reference, *, backend: Backend | None = None) -> dict[str, NDArray[Any]]:
    """Run a backend, by default ONNX Runtime on the CPU, on the reference's inputs; returns one array per output."""
    (made,) = run_calls(path, [reference.inputs], outputs=reference.outputs, backend=backend)
    return made


def run_calls(
    path: Path, calls: Iterable[Arrays], *, outputs: Arrays, backend: Backend | None = None
) -> Iterator[dict[str, NDArray[Any]]]:
    """The same for several calls in one session, one after the other.

    Args:
        path: The graph.
        calls: Inputs by name, of each call.
        outputs: By name, arrays of the shapes and types of what is made.
        backend: Runs it.
    """
    backend = backend or OnnxRuntimeBackend("cpu")
    session = backend.load(path)
    for inputs in calls:
        given = {name: backend.allocate(values.shape, str(values.dtype)) for name, values in inputs.items()}
        made = {name: backend.allocate(values.shape, str(values.dtype)) for name, values in outputs.items()}
        for name, buffer in given.items():
            buffer.write(inputs[name])
        session.bind(given, made).run()
        yield {name: buffer.read() for name, buffer in made.items()}


def relative_error(actual: NDArray[Any], expected: NDArray[Any]) -> float:
    """Largest |actual - expected| over largest |expected|; NaN where anything is not finite."""
    scale = max(float(np.abs(expected).max()), float(np.finfo(np.float32).tiny))
    return float(np.abs(actual.astype(np.float32) - expected.astype(np.float32)).max()) / scale


def _rank(error: float) -> float:
    return error if np.isfinite(error) else np.inf
