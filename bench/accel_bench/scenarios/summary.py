"""Summaries of runs under load, from their raw queries and the load generator's own results."""

from collections import Counter
from collections.abc import Sequence
from statistics import mean

import msgspec

from accel_bench.records.scenario import PERCENTILES, RATES, Scenario, ScenarioRecord, ScenarioRun, latency_key


class ScenarioSummary(msgspec.Struct, frozen=True):
    """One run in figures.

    Attributes:
        workers: Workers of a Ray cluster that draw; None for one process that draws by itself.
        per_second: Images per second, as the load generator counts them.
        of_full: Ratio of ``per_second`` to that of the full UNet at the same batch on as many workers; None for a
            server, whose rate is that of its queries.
        latency_s: Latency by percentile, as the load generator counts it; offline it runs from the start of the load.
        mean_batch: Mean number of samples drawn together.
        valid: Verdict of the load generator.
        reason: Why the run is not valid; empty if it is.
    """

    name: str
    batch: int
    workers: int | None
    qps: float | None
    per_second: float
    of_full: float | None
    latency_s: dict[int, float]
    mean_batch: float
    valid: bool
    reason: str


def summarise_scenarios(record: ScenarioRecord) -> tuple[ScenarioSummary, ...]:
    """One summary per run, in order."""
    full = {_place(run): run for run in reversed(record.runs) if run.facts == record.runs[0].facts}
    return tuple(_summary(run, full.get(_place(run))) for run in record.runs)


def essentials(run: ScenarioRun) -> str:
    """The first part of the load generator's summary: the main figure, the verdict and its reasons."""
    return run.summary.partition("Results Summary")[2].partition("Additional Stats")[0].strip("=\n ")


def _place(run: ScenarioRun) -> tuple[int, int | None]:
    return run.load.batch, run.load.workers


def _summary(run: ScenarioRun, full: ScenarioRun | None) -> ScenarioSummary:
    compared = full is not None and run.load.scenario is not Scenario.SERVER
    return ScenarioSummary(
        name=run.facts.name,
        batch=run.load.batch,
        workers=run.load.workers,
        qps=run.load.qps,
        per_second=_rate(run),
        of_full=_rate(run) / _rate(full) if compared and full is not None else None,
        latency_s={share: _number(run, latency_key(share)) / 1e9 for share in PERCENTILES},
        mean_batch=mean(_batch_sizes(run)),
        valid=run.results.get("result_validity") == "VALID",
        reason=_reason(run),
    )


def _batch_sizes(run: ScenarioRun) -> Sequence[int]:
    return list(Counter(query.batch for query in run.queries).values())


def _rate(run: ScenarioRun) -> float:
    return _number(run, RATES[run.load.scenario])


def _number(run: ScenarioRun, key: str) -> float:
    return float(run.results[key])


def _reason(run: ScenarioRun) -> str:
    """Why a run is not valid, on one line; the load generator spreads it over lines and bullets."""
    if run.results.get("result_validity") == "VALID":
        return ""
    said = [str(run.results.get(key, "")) for key in ("result_invalid_reason", "early_stopping_result")]
    return " ".join(" ".join(said).replace("*", " ").split())
