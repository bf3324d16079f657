"""From a traced component to files in the bundle: edit, write, check, describe."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import onnx_ir as ir

from accel_exporter import names
from accel_exporter.check import Reference, check_graph
from accel_exporter.flops import count_flops
from accel_exporter.forms import expand, fuse, fuse_attention
from accel_exporter.gating import cut_gated, cut_gated_shallow, keep_attended
from accel_exporter.merging import merge_tokens
from accel_exporter.options import NATIVE_OPSET
from accel_exporter.passes import (
    ExposeFeatures,
    KeepFloat32,
    NameDimensions,
    OpenTimestep,
    clean,
    cut_shallow,
    in_float32,
    joined_sample,
    noise_only,
)
from accel_exporter.program import Program
from accel_exporter.trace import trace
from accel_exporter.traced import Settings, Traced
from accel_exporter.weights import WeightStore
from accel_runtime.backends import OnnxRuntimeBackend
from accel_runtime.errors import ExportError
from accel_runtime.manifest import DType, Form, Gate, GraphSpec, TensorSpec

Change = Callable[[ir.Model], ir.Model]

# How far a bfloat16 graph, run in float32, may be from torch with the same rounded weights. The built-in UNet is 5e-6
# away, the text encoder 1e-4, since a constant of its code, QuickGelu's 1.702, is rounded too.
_SAME_WEIGHTS = 5e-3

# From so many parameters on, a second copy of the weights costs more than the seconds that it saves a check. SDXL's
# UNet has 10 GB of them.
_LARGE = 250_000_000

# Forms that are rewritten plain graphs.
_OF_PLAIN: Mapping[Form, Change] = {"fused": fuse, "attention": fuse_attention}

_DTYPES: Mapping[ir.DataType, DType] = {
    ir.DataType.FLOAT: "float32",
    ir.DataType.FLOAT16: "float16",
    ir.DataType.BFLOAT16: "bfloat16",
    ir.DataType.INT64: "int64",
    ir.DataType.INT32: "int32",
}


@dataclass(frozen=True, slots=True)
class Written:
    """A graph on disk in one form, and what torch expects of it.

    Attributes:
        name: Its name in the manifest.
        form: Which of its forms.
        spec: Its contract, that of the plain form.
        path: The file.
        reference: Inputs, and what torch makes of them.
        rounded: See `Traced`.
    """

    name: str
    form: Form
    spec: GraphSpec
    path: Path
    reference: Reference
    rounded: Reference | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """One graph of a component.

    Attributes:
        name: Its name in the manifest.
        stem: Its file without ending.
        cut: How it is cut out of the whole.
        tome: Share of the tokens that it merges.
        gate: Whether its cross-attentions run, and what they give is handed out.
    """

    name: str
    stem: str
    cut: Change
    tome: float = 0.0
    gate: Gate = "open"


def write_graph(traced: Traced, folder: Path, *, settings: Settings) -> tuple[Written, ...]:
    """Write a component of one graph to ``folder`` in every form, its weights beside it; plain comes first."""
    part = _Part(traced.program.traceable.name, "model", cut=lambda model: model)
    return tuple(_write(traced, folder / "model.data", [part], settings=settings))


def write_unet(traced: Traced, folder: Path, *, branches: Sequence[int], settings: Settings) -> tuple[Written, ...]:
    """Write the deep graph and one shallow graph per branch, in every form, over one file of weights.

    `model.onnx`, the deep pass without its features, is for other loaders: it is where they look, and
    optimum takes the last output for the noise.

    Returns:
        The deep pass, then the shallow pass of each branch; then the same in the next form.
    """
    plain = _unet_parts(branches)
    parts = [*plain, *(part for ratio in settings.tome for part in _merging(plain, ratio))]
    parts += _gating(branches) if settings.tgate else ()
    written = tuple(_write(traced, folder / "weights.data", parts, settings=settings))
    ir.save(_for_others(noise_only(ir.load(folder / "deep.onnx"))), folder / "model.onnx")
    return written


def _unet_parts(branches: Sequence[int]) -> list[_Part]:
    shallow = [
        _Part(names.unet_shallow(k), f"shallow_{k}", cut=partial(cut_shallow, feature=names.feature(k)))
        for k in branches
    ]
    return [_Part(names.UNET_DEEP, "deep", cut=lambda model: model), *shallow]


def _merging(plain: Sequence[_Part], ratio: float) -> Iterator[_Part]:
    """The graphs of the UNet that merge tokens, each cut out of the whole that does."""
    merge = cache(partial(merge_tokens, ratio=ratio))
    for part in plain:
        cut = partial(_cut_merged, merge=merge, cut=part.cut)
        yield _Part(names.merged(part.name, ratio), names.merged(part.stem, ratio), cut, tome=ratio)


def _cut_merged(whole: ir.Model, *, merge: Change, cut: Change) -> ir.Model:
    return cut(merge(whole))


def _gating(branches: Sequence[int]) -> Iterator[_Part]:
    """The graphs of gated calls, each cut out of the whole that keeps what cross-attentions give."""
    keep, deep = cache(keep_attended), names.UNET_DEEP
    yield _Part(names.keeping(deep), names.keeping("deep"), keep, gate="keeps")
    yield _Part(names.gated(deep), names.gated("deep"), partial(_cut_gated, keep=keep, cut=cut_gated), gate="gated")
    for k in branches:
        cut = partial(_cut_gated, keep=keep, cut=partial(cut_gated_shallow, feature=names.feature(k)))
        yield _Part(names.gated(names.unet_shallow(k)), names.gated(f"shallow_{k}"), cut, gate="gated")


def _cut_gated(whole: ir.Model, *, keep: Change, cut: Change) -> ir.Model:
    return cut(keep(whole))


def _for_others(whole: ir.Model) -> ir.Model:
    """A UNet that takes a masked picture is given one sample of all channels by other loaders."""
    parts = (names.SAMPLE, names.MASK, names.MASKED_IMAGE)
    is_masked = {*parts} <= {value.name for value in whole.graph.inputs}
    return joined_sample(whole, parts) if is_masked else whole


def _write(traced: Traced, weights: Path, parts: Sequence[_Part], *, settings: Settings) -> Iterator[Written]:
    specs: dict[str, GraphSpec] = {}
    with WeightStore(weights) as store:
        for form, models in _in_forms(traced.program, parts, settings=settings):
            for part in parts:
                model = models.pop(part.name)
                ending = "onnx" if form == "plain" else f"{form}.onnx"
                path = weights.with_name(f"{part.stem}.{ending}")
                parameters = store.move(model)
                ir.save(model, path)
                if form == "plain":
                    specs[part.name] = _describe(model, path, parameters=parameters, settings=settings)
                _hold_contract(model, specs[part.name], path)
                spec = specs[part.name]
                rounded = traced.rounded and part_of(traced.rounded, spec)
                reference = part_of(traced.reference_of(part.tome, part.gate), spec)
                yield Written(part.name, form, spec, path, reference, rounded)


def _in_forms(
    program: Program, parts: Sequence[_Part], *, settings: Settings
) -> Iterator[tuple[Form, dict[str, ir.Model]]]:
    """The component's graphs, form after form; the caller may take them out of the mapping and change them."""
    whole = to_onnx(program, opset=settings.opset)
    plain = _cut(whole, parts)
    # Before the plain graphs' weights move to the file, which is not to be read while it is written.
    made = {
        form: {name: change(model) for name, model in plain.items()}
        for form, change in _OF_PLAIN.items()
        if form in settings.forms
    }
    yield "plain", plain
    yield from made.items()
    if "native" in settings.forms:
        # Translating folds and turns weights anew: the first ones must go before.
        del whole, plain, made
        whole = to_onnx(program, opset=NATIVE_OPSET)
        yield "native", _cut(whole, parts)


def _cut(whole: ir.Model, parts: Sequence[_Part]) -> dict[str, ir.Model]:
    models = {part.name: part.cut(whole) for part in parts}
    # After the last cut: a cast would part the feature from the nodes that read it.
    for model in models.values():
        KeepFloat32()(model)
    return models


def check_written(written: Written, tolerance: float) -> float:
    """Hold the written graph against torch's outputs; one that no CPU can run, written out in what it can.

    A bfloat16 graph is held twice: without rounding in between it must make the very numbers that torch makes of the
    same weights, and with it stay near torch's own numbers.

    Returns:
        The largest relative difference, in two digits.

    Raises:
        ExportError: The difference is over ``tolerance``.
    """
    if written.rounded is not None:
        _check(written, partial(in_float32, rounds=False), written.rounded, tolerance=_SAME_WEIGHTS)
        return _check(written, partial(in_float32, rounds=True), written.reference, tolerance=tolerance)
    rewrite = expand if written.form == "fused" else None
    return _check(written, rewrite, written.reference, tolerance=tolerance)


def _check(
    written: Written, rewrite: Callable[[ir.Model], ir.Model] | None, reference: Reference, *, tolerance: float
) -> float:
    """Hold the graph, or what ``rewrite`` makes of it, against a reference."""
    path = written.path
    if rewrite is not None:
        path = path.with_suffix(".expanded.onnx")
        ir.save(rewrite(ir.load(written.path)), path)
    backend = OnnxRuntimeBackend("cpu", maps_weights=written.spec.parameters >= _LARGE)
    try:
        return float(f"{check_graph(path, reference, tolerance=tolerance, backend=backend):.1e}")
    finally:
        if path != written.path:
            path.unlink()


def to_onnx(program: Program, *, opset: int) -> ir.Model:
    """A program as a graph whose tensors and sizes have the names that bundles use."""
    model = trace(program, opset=opset)
    ExposeFeatures(program.traceable.features)(model)
    clean(model)
    NameDimensions(program.traceable.axes)(model)
    OpenTimestep(names.TIMESTEP)(model)
    model.graph.name = program.traceable.name
    return model


def _describe(model: ir.Model, path: Path, *, parameters: int, settings: Settings) -> GraphSpec:
    return GraphSpec(
        file=f"{path.parent.name}/{path.name}",
        inputs=tuple(_tensor(value) for value in model.graph.inputs),
        outputs=tuple(_tensor(value) for value in model.graph.outputs),
        parameters=parameters,
        flops=count_flops(path, settings.flops_sizes),
        relative_error=0.0,
    )


def _hold_contract(model: ir.Model, spec: GraphSpec, path: Path) -> None:
    """Every form takes and gives the same tensors, so that plans, features and loop graphs fit all of them."""
    inputs, outputs = (tuple(map(_tensor, values)) for values in (model.graph.inputs, model.graph.outputs))
    if (inputs, outputs) != (spec.inputs, spec.outputs):
        raise ExportError(f"{path.name}: its inputs and outputs are not those of {spec.file}")


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
