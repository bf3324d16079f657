"""The least time that the hardware's peaks allow, from the work of each graph (Williams et al., 2009: the roofline)."""

from collections.abc import Sequence

import msgspec

from accel_bench.benchmark.summary import image_seconds, unet_runs
from accel_bench.doctor.peaks import computing_dtype, find_peaks, threads_of
from accel_bench.records.bench import BenchRecord, Peaks
from accel_bench.records.environment import read_environment
from accel_bench.records.parts import GraphFacts
from accel_bench.timing.yardstick import FLOPS
from accel_runtime.backends import Backend, BackendDescription


def limit_s(record: BenchRecord, plan: str) -> float | None:
    """Seconds that a plan's batch of images takes if every graph runs at the device's peaks.

    Args:
        record: Record of a run.
        plan: Name of the plan in the record.

    Returns:
        The seconds. None where the peaks are not known, where the work is not known for the size of the pictures, or
        where pictures were drawn in less, since the peaks are then not the device's.
    """
    peaks, work = record.peaks, record.workload
    if peaks is None or (work.height, work.width) != record.bundle.sample_size:
        return None
    run = next(run for run in record.plans if run.facts.name == plan)
    unet = unet_runs(run.ran, record.bundle, guidance=work.guidance)
    calls = [(graph, count, work.batch * halves) for (graph, halves), count in unet.items()]
    parts = record.bundle.parts
    calls += [(name, max(halves for _, halves in unet), 1) for name, part in parts.items() if part == "text"]
    calls += [(name, 1, work.batch) for name, part in parts.items() if part == "decoder"]
    graphs = {name: _as_computed(graph, record.backend) for name, graph in record.bundle.graphs.items()}
    limits = [(count, graph_limit_s(graphs[name], batch, peaks=peaks)) for name, count, batch in calls]
    if any(seconds is None for _, seconds in limits):
        return None
    limit = sum(count * seconds for count, seconds in limits if seconds is not None)
    return limit if limit <= min(image_seconds(run)) else None


def graph_limit_s(graph: GraphFacts, batch: int, *, peaks: Peaks) -> float | None:
    """Seconds of one call at ``batch``: those of its arithmetic or of its traffic, whichever are more.

    The traffic is the smallest possible: weights, inputs and outputs, each once.
    """
    if graph.dtype not in peaks.flops_per_s:
        return None
    arithmetic = batch * graph.flops / peaks.flops_per_s[graph.dtype]
    traffic = (graph.weight_bytes + batch * graph.tensor_bytes) / peaks.bytes_per_s if peaks.bytes_per_s else 0.0
    return max(arithmetic, traffic)


def measured_peaks(backend: Backend, yardstick_s: Sequence[float]) -> Peaks | None:
    """The peaks of a processor, where no profile knows them; None for other devices.

    They are those that `accel doctor --measure` kept, else the one that this run's yardstick reached in float32.
    """
    if not backend.on_host:
        return None
    kept = find_peaks(read_environment(), threads_of(backend.describe()))
    if kept is not None:
        return kept.peaks
    if not yardstick_s:
        return None
    return Peaks(
        flops_per_s={"float32": FLOPS / min(yardstick_s)},
        bytes_per_s=None,
        source="the fastest 1024×1024 matrix product of this run",
    )


def _as_computed(graph: GraphFacts, backend: BackendDescription) -> GraphFacts:
    return msgspec.structs.replace(graph, dtype=computing_dtype(backend, graph.dtype))
