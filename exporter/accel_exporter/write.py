"""From a component to files in the bundle: trace, edit, write, check, describe."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import onnx_ir as ir

from accel_exporter.check import Reference, check_graph, torch_reference
from accel_exporter.flops import count_flops
from accel_exporter.graphs import Sizes, Traceable
from accel_exporter.passes import ExposeFeatures, NameDimensions, clean, cut_shallow, noise_only
from accel_exporter.precision import in_precision, is_kept
from accel_exporter.program import Program, export_program
from accel_exporter.trace import trace
from accel_exporter.weights import WeightStore
from accel_runtime.manifest import DType, GraphSpec, TensorSpec, feature_name

Build = Callable[[Sizes], Traceable]

_DTYPES: Mapping[ir.DataType, DType] = {
    ir.DataType.FLOAT: "float32",
    ir.DataType.FLOAT16: "float16",
    ir.DataType.BFLOAT16: "bfloat16",
    ir.DataType.INT64: "int64",
    ir.DataType.INT32: "int32",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """How graphs are written.

    Attributes:
        opset: ONNX operator set.
        is_static: Whether batch, height and width are fixed.
        trace_sizes: Sizes to trace at; the graphs' own sizes where they are static.
        check_sizes: Other sizes, to see that open dimensions really are open.
        flops_sizes: Number of each symbol at batch 1 and the model's own size.
        dtype: What the component computes in.
    """

    opset: int
    is_static: bool
    trace_sizes: Sizes
    check_sizes: Sizes
    flops_sizes: Mapping[str, int]
    dtype: DType = "float32"


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """A component in torch's own graph, and what torch makes of it at the check sizes."""

    program: Program
    reference: Reference


@dataclass(frozen=True, slots=True)
class Written:
    """A graph on disk, and what torch expects of it; `checked` turns it into a trusted spec."""

    spec: GraphSpec
    path: Path
    reference: Reference


def trace_component(build: Build, settings: Settings) -> Traced:
    """Trace a component once, for every form it is written in.

    Args:
        build: Makes the traceable at given sizes.
        settings: How.
    """
    # In float32, before the weights are converted.
    reference = torch_reference(build(settings.check_sizes))
    traceable = in_precision(build(settings.trace_sizes), settings.dtype)
    program = export_program(traceable, is_static=settings.is_static)
    kept = {name: values.astype(settings.dtype) for name, values in reference.outputs.items() if is_kept(name)}
    return Traced(program, replace(reference, outputs={**reference.outputs, **kept}))


def write_graph(traced: Traced, path: Path, *, settings: Settings) -> Written:
    """Write one component's graph to ``path``, its weights beside it.

    Args:
        traced: The component.
        path: The ONNX file.
        settings: How.
    """
    model = _translate(traced.program, settings)
    with WeightStore(path.with_name(f"{path.stem}.data")) as store:
        parameters = store.move(model)
    return Written(_save(model, path, parameters=parameters, settings=settings), path, traced.reference)


def write_unet(traced: Traced, folder: Path, *, branches: Sequence[int], settings: Settings) -> tuple[Written, ...]:
    """Write the deep graph and one shallow graph per branch over one file of weights.

    `model.onnx`, the deep pass without its features, is for other loaders: it is where they look, and
    optimum takes the last output for the noise.

    Returns:
        The deep pass, then the shallow pass of each branch.
    """
    model = _translate(traced.program, settings)
    models = {"deep.onnx": model} | {f"shallow_{k}.onnx": cut_shallow(model, feature_name(k)) for k in branches}
    with WeightStore(folder / "weights.data") as store:
        parameters = {name: store.move(each) for name, each in models.items()}
    ir.save(noise_only(model), folder / "model.onnx")
    specs = {
        name: _save(each, folder / name, parameters=parameters[name], settings=settings)
        for name, each in models.items()
    }
    return tuple(Written(spec, folder / name, part_of(traced.reference, spec)) for name, spec in specs.items())


def checked(written: Written, tolerance: float) -> GraphSpec:
    """Hold the written graph against torch's outputs and note the difference.

    Raises:
        ExportError: The difference is over ``tolerance``.
    """
    error = check_graph(written.path, written.reference, tolerance=tolerance)
    return msgspec.structs.replace(written.spec, relative_error=float(f"{error:.1e}"))


def _translate(program: Program, settings: Settings) -> ir.Model:
    model = trace(program, opset=settings.opset)
    ExposeFeatures()(model)
    clean(model)
    NameDimensions(program.traceable.axes)(model)
    model.graph.name = program.traceable.name
    return model


def _save(model: ir.Model, path: Path, *, parameters: int, settings: Settings) -> GraphSpec:
    ir.save(model, path)
    return GraphSpec(
        file=f"{path.parent.name}/{path.name}",
        inputs=tuple(_tensor(value) for value in model.graph.inputs),
        outputs=tuple(_tensor(value) for value in model.graph.outputs),
        parameters=parameters,
        flops=count_flops(path, settings.flops_sizes),
        relative_error=0.0,
    )


def part_of(reference: Reference, spec: GraphSpec) -> Reference:
    """The values of a graph's own tensors: a shallow pass with fresh features must make the full noise."""
    values = {**reference.outputs, **reference.inputs}
    return Reference(
        inputs={tensor.name: values[tensor.name] for tensor in spec.inputs},
        outputs={tensor.name: values[tensor.name] for tensor in spec.outputs},
    )


def _tensor(value: ir.Value) -> TensorSpec:
    assert value.name and value.shape is not None and value.dtype is not None  # noqa: S101, PT018  # graph contract
    return TensorSpec(
        name=value.name,
        dtype=_DTYPES[value.dtype],
        shape=tuple(dim if isinstance(dim, int) else str(dim.value) for dim in value.shape),
    )
