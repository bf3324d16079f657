"""A component in torch's own graph, and what torch makes of it: what all of its files are written from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from accel_exporter import names
from accel_exporter.check import Reference, torch_reference
from accel_exporter.gating import kept_reference
from accel_exporter.graphs import Sizes, Traceable
from accel_exporter.merging import merged_reference
from accel_exporter.precision import feature_dtype, in_precision, round_weights
from accel_exporter.program import Program, export_program, export_program_for_onnx
from accel_runtime.manifest import Form, Gate, Precision

Build = Callable[[Sizes], Traceable]


@dataclass(frozen=True, slots=True)
class Settings:
    """How graphs are written.

    Attributes:
        opset: ONNX operator set.
        is_static: Whether batch, height and width are fixed.
        trace_sizes: Sizes to trace at; the graphs' own sizes where they are static.
        check_sizes: Other sizes, to see that open dimensions really are open.
        flops_sizes: Number of each symbol at batch 1 and the model's own size.
        dtype: Precision that the component computes in.
        forms: Forms to write, including plain.
        is_packaged: Whether torch compiles the traced graph too.
        tome: Shares of the tokens that further graphs of a UNet merge.
        tgate: Whether a UNet gets graphs of gated calls.
    """

    opset: int
    is_static: bool
    trace_sizes: Sizes
    check_sizes: Sizes
    flops_sizes: Mapping[str, int]
    dtype: Precision = "float32"
    forms: frozenset[Form] = frozenset({"plain"})
    is_packaged: bool = False
    tome: Sequence[float] = ()
    tgate: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """A component in torch's own graph, and what torch makes of it at the check sizes, in float32.

    Attributes:
        program: The graph.
        reference: Reference with the weights as they were loaded.
        rounded: Reference with the weights of the graph; None where ONNX Runtime's CPU runs the graph unchanged.
        merged: References of graphs that merge tokens, by the share that they merge.
        kept: Reference of graphs of gated calls, with what cross-attentions give among the outputs; or None.
    """

    program: Program
    reference: Reference
    rounded: Reference | None = None
    merged: Mapping[float, Reference] = field(default_factory=dict)
    kept: Reference | None = None

    def reference_of(self, tome: float, gate: Gate) -> Reference:
        """The reference of graphs that merge this share of the tokens, 0 for none, or of those of gated calls."""
        if gate != "open" and self.kept is not None:
            return self.kept
        return self.merged[tome] if tome else self.reference


def trace_component(build: Build, settings: Settings) -> Traced:
    """Trace a component once, for every form it is written in.

    Args:
        build: Makes the traceable at given sizes.
        settings: How.
    """
    # In float32, before the weights are converted.
    reference = torch_reference(build(settings.check_sizes))
    merged = {ratio: merged_reference(build(settings.check_sizes), ratio) for ratio in settings.tome}
    kept = kept_reference(build(settings.check_sizes)) if settings.tgate else None
    rounded = None
    if settings.dtype == "bfloat16":
        rounded = torch_reference(round_weights(build(settings.check_sizes)))
    traceable = in_precision(build(settings.trace_sizes), settings.dtype)
    if settings.is_static or settings.is_packaged:
        program = export_program(traceable, is_static=settings.is_static)
    else:
        program = export_program_for_onnx(traceable)
    attended = [name for name in (kept.outputs if kept else ()) if names.is_attended(name)]
    narrow = dict.fromkeys((*traceable.features, *attended), feature_dtype(settings.dtype))
    merged = {ratio: _in_dtypes(each, narrow) for ratio, each in merged.items()}
    kept = kept and _in_dtypes(kept, narrow)
    return Traced(program, _in_dtypes(reference, narrow), rounded, merged, kept)


def _in_dtypes(reference: Reference, dtypes: Mapping[str, Precision]) -> Reference:
    """The reference with outputs of these types, all others in float32."""
    outputs = {name: made.astype(dtypes.get(name, "float32"), copy=False) for name, made in reference.outputs.items()}
    return replace(reference, outputs=outputs)
