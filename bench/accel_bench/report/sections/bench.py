"""The section of a record of `accel bench`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from accel_bench.benchmark.summary import PeerSummary, PlanSummary, Summary, image_seconds, summarise
from accel_bench.doubts import bench_doubts
from accel_bench.evaluation.summary import TrialSummary, summarise_evaluation
from accel_bench.quality.difference import GAIN
from accel_bench.records.bench import BenchRecord
from accel_bench.records.evaluation import EvaluationRecord
from accel_bench.records.parts import Doubt, PlanFacts, Workload
from accel_bench.report.charts.bars import Bar, peer_bar, plan_bar, stage_bars
from accel_bench.report.charts.strips import strips
from accel_bench.report.charts.svg import Figure
from accel_bench.report.charts.timeline import timeline, tracks
from accel_bench.report.facts import Fact, banners, facts, what, when, where
from accel_bench.report.pictures import Picture, pictures
from accel_bench.report.reproduce import command
from accel_bench.report.section import Section
from accel_bench.report.tables import Table, contender_table, graph_table, sample_table, stage_table
from accel_bench.report.verdicts import Verdict, verdicts
from accel_bench.report.words import certainty

_YARDSTICK: Final = "yardstick"

# Takes a record and a plan's name; returns the least seconds that the hardware allows, or None where that is unknown.
Limit = Callable[[BenchRecord, str], float | None]


@dataclass(frozen=True, slots=True)
class BenchView:
    """The data that the template draws.

    Attributes:
        gain: Factor that differences of pictures are multiplied by.
        speedups: Speed-ups as text by contender, for the captions of pictures.
        scored: Whether the table of contenders has scores of an evaluation.
        certainty: Meaning of the brackets in tables.
        peers: Whether there are peers.
        timeline: None where no contender recorded when its graphs ran.
        command: Command line that repeats the run; None where no single one does.
    """

    what: str
    where: str
    when: str
    id: str
    banners: Sequence[str]
    verdicts: Sequence[Verdict]
    prompt: str
    pictures: Sequence[Picture]
    gain: int
    speedups: dict[str, str]
    contenders: Table
    scored: bool
    certainty: str
    bars: Figure
    stages: Table
    peers: bool
    timeline: Figure | None
    graphs: Table
    strips: Figure
    samples: Table
    facts: Sequence[Fact]
    doubts: Sequence[Doubt]
    command: str | None


def bench_section(record: BenchRecord, *, evaluations: Sequence[EvaluationRecord], limit: Limit) -> Section:
    """Make the section of a benchmark.

    Args:
        record: The record.
        evaluations: Evaluations whose scores are shown beside plans of the same bundle and settings.
        limit: Least seconds of a plan; see `Limit`.
    """
    names = [plan.facts.name for plan in record.plans] + [peer.name for peer in record.peers]
    view = _view(record, evaluations=evaluations, limit=limit)
    return Section(f"record-{record.id}", " · ".join(names), "bench.html.j2", view)


def _view(record: BenchRecord, *, evaluations: Sequence[EvaluationRecord], limit: Limit) -> BenchView:
    summary, prefix = summarise(record), f"r{record.id}"
    both: Sequence[PlanSummary | PeerSummary] = (*summary.plans, *summary.peers)
    limits = {plan.facts.name: limit(record, plan.facts.name) for plan in record.plans}
    scores, rows, samples = scores_of(record, evaluations), tracks(record), _samples(record)
    return BenchView(
        what=what(record),
        where=where(record),
        when=when(record),
        id=record.id,
        banners=banners(record),
        verdicts=verdicts(summary),
        prompt=record.prompt,
        pictures=pictures(record),
        gain=GAIN,
        speedups={each.name: f"{each.speedup.median:.2f}×" for each in both},
        contenders=contender_table(f"{prefix}-contenders", summary, limits=limits, scores=scores),
        scored=bool(scores),
        certainty=certainty(summary.plans[0].image_s),
        bars=stage_bars(f"{prefix}-bars", _bars(record, summary, limits=limits)),
        stages=stage_table(f"{prefix}-stages", summary),
        peers=bool(record.peers),
        timeline=timeline(f"{prefix}-timeline", rows) if rows else None,
        graphs=graph_table(f"{prefix}-graphs", record, summary.graphs),
        strips=strips(f"{prefix}-strips", samples, yardstick=_YARDSTICK),
        samples=sample_table(f"{prefix}-samples", samples),
        facts=facts(record),
        doubts=bench_doubts(record),
        command=command(record),
    )


def _bars(record: BenchRecord, summary: Summary, *, limits: dict[str, float | None]) -> list[Bar]:
    bars = [plan_bar(plan, limits[plan.name]) for plan in summary.plans]
    return bars + [peer_bar(peer, run) for peer, run in zip(summary.peers, record.peers, strict=True)]


def _samples(record: BenchRecord) -> dict[str, Sequence[float]]:
    """Seconds of images by contender, and those of the yardstick."""
    found: dict[str, Sequence[float]] = {plan.facts.name: image_seconds(plan) for plan in record.plans}
    found |= {peer.name: image_seconds(peer) for peer in record.peers}
    return found | ({_YARDSTICK: record.yardstick_s} if record.yardstick_s else {})


def scores_of(record: BenchRecord, evaluations: Sequence[EvaluationRecord]) -> dict[str, TrialSummary]:
    """Scores by the benchmark's name of a plan.

    The first evaluation with the same calls on the same bundle and settings is taken.
    """
    found: dict[str, TrialSummary] = {}
    for evaluation in evaluations:
        if evaluation.bundle.digest == record.bundle.digest and _same_work(evaluation.workload, record.workload):
            trials = zip(evaluation.trials, summarise_evaluation(evaluation), strict=True)
            by_calls = {_calls(trial.facts): summary for trial, summary in trials}
            for plan in record.plans:
                if _calls(plan.facts) in by_calls:
                    found.setdefault(plan.facts.name, by_calls[_calls(plan.facts)])
    return found


def _same_work(one: Workload, other: Workload) -> bool:
    """Whether pictures have the same settings. Batch and seed do not change what a plan loses."""
    return _settings(one) == _settings(other)


def _settings(work: Workload) -> tuple[object, ...]:
    return work.scheduler, work.steps, work.guidance, work.height, work.width


def _calls(facts: PlanFacts) -> tuple[object, ...]:
    """All that decides what a plan draws, whichever way it was written."""
    plan, deep = facts.plan, facts.deep_calls
    reused = tuple((plan.branch_of(call), plan.weights_of(call, deep_calls=deep)) for call in facts.shallow_calls)
    solved = plan.skip, tuple(plan.rows.items())
    return facts.calls, deep, reused, solved, plan.scheduler, plan.steps, plan.guided_calls
