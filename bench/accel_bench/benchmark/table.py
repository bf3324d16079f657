"""A benchmark's record as tables for a terminal."""

from collections.abc import Iterator

from accel_bench.base.stats import times
from accel_bench.base.table import Heading, Table, numbers, words
from accel_bench.base.text import deep_calls_cell
from accel_bench.benchmark.roofline import limit_s
from accel_bench.benchmark.summary import GraphSummary, PeerSummary, PlanSummary, Summary
from accel_bench.records.bench import BenchRecord
from accel_bench.records.environment import machine

_NOTHING = "–"


def heading(record: BenchRecord) -> str:
    """One line about the machine and the work that the figures are of."""
    work = record.workload
    return (
        f"{record.bundle.source} {work.width}×{work.height}, batch {work.batch}, {work.scheduler} "
        f"{work.steps} steps, guidance {work.guidance:g}, {machine(record.backend, record.environment)}"
    )


def tables(record: BenchRecord, summary: Summary) -> Iterator[Table]:
    """Tables of graphs, plans, stages, and peers if there are any."""
    yield _graphs(record, summary)
    yield _plans(record, summary)
    yield _stages(summary)
    if summary.peers:
        yield _peers(summary)


def footer(record: BenchRecord) -> str:
    """One line about loading, memory and the record's id."""
    load = sum(record.load_s.values())
    return f"loading {load:.1f} s, peak memory {record.peak_rss_bytes / 1e9:.2f} GB, record {record.id}"


def _graphs(record: BenchRecord, summary: Summary) -> Table:
    columns = (*words("graph"), *numbers("runs", "median", Heading.P90, "of deep", "FLOPs of deep"))
    rows = (_graph_cells(row, record) for row in summary.graphs)
    return Table("Seconds of one graph run", columns, tuple(rows))


def _graph_cells(row: GraphSummary, record: BenchRecord) -> tuple[str, ...]:
    bundle = record.bundle
    in_unet = row.of_deep is not None
    return (
        row.graph,
        str(row.seconds.samples),
        f"{row.seconds.median:.4f}",
        f"{row.seconds.p90:.4f}",
        f"{row.of_deep:.1%}" if in_unet else "",
        f"{bundle.graphs[row.graph].flops / bundle.deep.flops:.1%}" if in_unet else "",
    )


def _plans(record: BenchRecord, summary: Summary) -> Table:
    headings = (
        *(Heading.DEEP_CALLS, "seconds", Heading.P90, Heading.SPEEDUP),
        *("UNet, its ceiling", "of limit", Heading.PSNR),
    )
    rows = (_plan_cells(plan, limit=limit_s(record, plan.name)) for plan in summary.plans)
    return Table("End to end, against full in the same rounds", (*words("plan"), *numbers(*headings)), tuple(rows))


def _plan_cells(plan: PlanSummary, *, limit: float | None) -> tuple[str, ...]:
    return (
        plan.name,
        deep_calls_cell(plan.deep, plan.calls, skipped=plan.skipped),
        f"{plan.image_s.median:.3f}",
        f"{plan.image_s.p90:.3f}",
        times(plan.speedup),
        f"{plan.unet_speedup.median:.2f}× of {plan.unet_ceiling:.2f}×",
        f"{limit / plan.image_s.median:.0%}" if limit else _NOTHING,
        "same" if plan.psnr is None else f"{plan.psnr:.1f}",
    )


def _stages(summary: Summary) -> Table:
    headings = ("text", "deep", "shallow", "update", "per call", "VAE", "other", "J")
    columns = (*words("plan"), *numbers(*headings))
    return Table("Where the time goes: medians in seconds", columns, tuple(map(_stage_cells, summary.plans)))


def _stage_cells(plan: PlanSummary) -> tuple[str, ...]:
    parts = plan.stages
    return (
        plan.name,
        *(f"{part:.3f}" for part in (parts.text, parts.deep, parts.shallow, parts.update)),
        f"{plan.update_us:.0f} µs",
        *(f"{part:.3f}" for part in (parts.vae, parts.other)),
        _NOTHING if plan.joules is None else f"{plan.joules:.0f}",
    )


def _peers(summary: Summary) -> Table:
    plans = [plan.name for plan in summary.plans]
    headings = ("calls", "seconds", "one call", "full against it", *(f"{name} against it" for name in plans[1:]))
    rows = (
        (
            peer.name,
            str(peer.calls),
            f"{peer.image_s.median:.3f}",
            _call(peer),
            *(times(peer.behind[name]) for name in plans),
        )
        for peer in summary.peers
    )
    columns = (*words("peer"), *numbers(*headings))
    return Table("Peers in the same rounds: how many times faster ours is", columns, tuple(rows))


def _call(peer: PeerSummary) -> str:
    return _NOTHING if peer.call_s is None else f"{peer.call_s.median:.4f}"
