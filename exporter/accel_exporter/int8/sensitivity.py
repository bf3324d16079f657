"""What rounding each group of layers costs: the error of the guided noise, on calls of uncached runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

from accel_exporter.check import Arrays, run_calls
from accel_exporter.int8.layers import groups
from accel_exporter.int8.rewrite import Range
from accel_exporter.int8.switches import SWITCHES, with_switches
from accel_runtime.backends import Backend
from accel_runtime.denoising.loop import guide
from accel_runtime.manifest import Denoiser
from accel_runtime.plans.plan import Plan


@dataclass(frozen=True, slots=True)
class Group:
    """Layers that are quantised together.

    Attributes:
        layers: Their names.
        flops: Floating-point operations of a call that they would do in int8.
        error: Sum of squares that rounding them alone adds to the guided noise.
    """

    layers: tuple[str, ...]
    flops: int
    error: float

    @property
    def price(self) -> float:
        """Error for each operation that is saved."""
        return self.error / self.flops


def measure_groups(
    graph: Path,
    calls: Sequence[Arrays],
    *,
    ranges: Mapping[str, Range],
    flops: Mapping[str, int],
    plan: Plan,
    names: Denoiser,
    backend: Backend,
) -> tuple[Group, ...]:
    """Round one group after the other, and see what that does to the noise.

    Args:
        graph: The float32 deep pass. A copy with switches is written beside it for the time of the runs.
        calls: Its inputs by name, of calls of ``plan``.
        ranges: See `accel_exporter.int8.rewrite.quantise`.
        flops: Of each layer, by name.
        plan: Says how calls are guided.
        names: Names of the denoiser's tensors.
        backend: Runs the copy.
    """
    model = ir.load(graph)
    found = [tuple(layer.name for layer in group) for group in groups(model)]
    beside = graph.with_suffix(".switches.onnx")
    ir.save(with_switches(model, ranges, groups=found), beside)
    try:
        errors = _errors(beside, calls, len(found), plan=plan, names=names, backend=backend)
    finally:
        beside.unlink()
    return tuple(
        Group(layers, sum(flops[name] for name in layers), float(error))
        for layers, error in zip(found, errors, strict=True)
    )


def _errors(
    graph: Path, calls: Sequence[Arrays], count: int, *, plan: Plan, names: Denoiser, backend: Backend
) -> tuple[float, ...]:
    """Each group's error over all calls, of ``count`` groups."""
    rows = [np.zeros(count, np.float32), *np.eye(count, dtype=np.float32)]
    errors = np.zeros(count)
    outputs = {names.noise: calls[0][names.sample]}
    switched = ({**call, SWITCHES: row} for call in calls for row in rows)
    made = run_calls(graph, switched, outputs=outputs, backend=backend)
    for _ in calls:
        exact, *rough = [guide(next(made)[names.noise], plan.calls[0]) for _ in rows]
        errors += [np.square(each - exact, dtype=np.float64).sum() for each in rough]
    return tuple(errors.tolist())
