"""Runs under load as a table for a terminal."""

from accel_bench.base.table import Table, numbers, prose, words
from accel_bench.records.scenario import PERCENTILES, ScenarioRecord
from accel_bench.scenarios.summary import ScenarioSummary


def scenario_table(record: ScenarioRecord, summaries: tuple[ScenarioSummary, ...]) -> Table:
    """One row per run."""
    spread = any(each.workers for each in summaries)
    headings = ("batch ≤", "mean", "asked/s", "images/s", "of full", *(f"p{p} s" for p in PERCENTILES))
    return Table(
        _title(record),
        (*words("plan"), *numbers(*(["workers"] if spread else []), *headings), *prose("loadgen says")),
        tuple(_cells(each, spread=spread) for each in summaries),
    )


def _cells(each: ScenarioSummary, *, spread: bool) -> tuple[str, ...]:
    return (
        each.name,
        *([str(each.workers or "")] if spread else []),
        str(each.batch),
        f"{each.mean_batch:.1f}",
        "" if each.qps is None else f"{each.qps:.2f}",
        f"{each.per_second:.2f}",
        "" if each.of_full is None else f"{each.of_full:.2f}×",
        *(f"{each.latency_s[p]:.2f}" for p in PERCENTILES),
        "VALID" if each.valid else "INVALID, see below",
    )


def _title(record: ScenarioRecord) -> str:
    work, ran, load = record.workload, record.backend, record.runs[0].load
    bound = (
        f", {load.percentile:.0%} within {load.latency_bound_s:g} s"
        if load.percentile is not None and load.latency_bound_s is not None
        else ""
    )
    return (
        f"{load.scenario}{bound}: {record.bundle.source} {work.width}×{work.height}, "
        f"{work.scheduler} {work.steps} steps, guidance {work.guidance:g}, "
        f"{ran.backend} {ran.version} on {ran.provider}, loadgen {record.loadgen}"
    )
