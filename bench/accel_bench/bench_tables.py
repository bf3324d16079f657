"""A benchmark's record as tables for a terminal."""

from collections.abc import Iterator

from rich.table import Table

from accel_bench.environment import machine
from accel_bench.intervals import times
from accel_bench.limits import limit_s
from accel_bench.records.bench import BenchRecord
from accel_bench.summary import DEEP, PeerSummary, Summary

_NOTHING = "–"


def heading(record: BenchRecord) -> str:
    """What the numbers are of."""
    work = record.workload
    return (
        f"{record.bundle.source} {work.width}×{work.height}, batch {work.batch}, {work.scheduler} "
        f"{work.steps} steps, guidance {work.guidance:g}, {machine(record.backend, record.environment)}"
    )


def tables(record: BenchRecord, summary: Summary) -> Iterator[Table]:
    """Graph by graph, plan by plan, where the time goes, and peers if there are any."""
    yield _graphs(record, summary)
    yield _plans(record, summary)
    yield _stages(summary)
    if summary.peers:
        yield _peers(summary)


def footer(record: BenchRecord) -> str:
    """What is left to say."""
    load = sum(record.load_s.values())
    return f"loading {load:.1f} s, peak memory {record.peak_rss_bytes / 1e9:.2f} GB, record {record.id}"


def _table(title: str, first: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first, no_wrap=True)
    for heading_ in headings:
        table.add_column(heading_, justify="right", no_wrap=True)
    return table


def _graphs(record: BenchRecord, summary: Summary) -> Table:
    table = _table("Seconds of one graph run", "graph", "runs", "median", "p90", "of deep", "FLOPs of deep")
    graphs = record.bundle.graphs
    for row in summary.graphs:
        in_unet = row.of_deep is not None
        table.add_row(
            row.graph,
            str(row.seconds.samples),
            f"{row.seconds.median:.4f}",
            f"{row.seconds.p90:.4f}",
            f"{row.of_deep:.1%}" if in_unet else "",
            f"{graphs[row.graph].flops / graphs[DEEP].flops:.1%}" if in_unet else "",
        )
    return table


def _plans(record: BenchRecord, summary: Summary) -> Table:
    headings = ("deep", "seconds", "p90", "speed-up", "UNet, its ceiling", "of limit", "PSNR dB")
    table = _table("End to end, against full in the same rounds", "plan", *headings)
    for plan in summary.plans:
        limit = limit_s(record, plan.name)
        table.add_row(
            plan.name,
            f"{plan.deep}/{plan.calls}",
            f"{plan.image_s.median:.3f}",
            f"{plan.image_s.p90:.3f}",
            times(plan.speedup),
            f"{plan.unet_speedup.median:.2f}× of {plan.unet_ceiling:.2f}×",
            f"{limit / plan.image_s.median:.0%}" if limit else _NOTHING,
            "same" if plan.psnr is None else f"{plan.psnr:.1f}",
        )
    return table


def _stages(summary: Summary) -> Table:
    headings = ("text", "deep", "shallow", "update", "per call", "VAE", "other", "J")
    table = _table("Where the time goes: medians in seconds", "plan", *headings)
    for plan in summary.plans:
        parts = plan.stages
        table.add_row(
            plan.name,
            *(f"{part:.3f}" for part in (parts.text, parts.deep, parts.shallow, parts.update)),
            f"{plan.update_us:.0f} µs",
            *(f"{part:.3f}" for part in (parts.vae, parts.other)),
            _NOTHING if plan.joules is None else f"{plan.joules:.0f}",
        )
    return table


def _peers(summary: Summary) -> Table:
    plans = [plan.name for plan in summary.plans]
    headings = ("calls", "seconds", "one call", "full against it", *(f"{name} against it" for name in plans[1:]))
    table = _table("Peers in the same rounds: how many times faster ours is", "peer", *headings)
    for peer in summary.peers:
        table.add_row(
            peer.name,
            str(peer.calls),
            f"{peer.image_s.median:.3f}",
            _call(peer),
            *(times(peer.behind[name]) for name in plans),
        )
    return table


def _call(peer: PeerSummary) -> str:
    return _NOTHING if peer.call_s is None else f"{peer.call_s.median:.4f}"
