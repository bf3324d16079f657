"""The section of a record of `accel evaluate`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from accel_bench.doubts import evaluation_doubts
from accel_bench.evaluation.summary import TrialSummary, summarise_evaluation
from accel_bench.records.evaluation import EvaluationRecord, TrialRun
from accel_bench.records.parts import Doubt
from accel_bench.report.charts.known import known_feature_distance, known_loss, known_psnr
from accel_bench.report.charts.plane import Known
from accel_bench.report.charts.scatter import Point, scatter
from accel_bench.report.charts.svg import Figure
from accel_bench.report.facts import Fact, banners, facts, what, when, where
from accel_bench.report.reproduce import command
from accel_bench.report.section import Section
from accel_bench.report.tables import Table, trial_table
from accel_bench.report.words import amount, certainty, digits

_Score = Callable[[TrialRun, TrialSummary], Known | None]


@dataclass(frozen=True, slots=True)
class EvaluationView:
    """The data that the template draws.

    Attributes:
        captions: Number of captions in words.
        certainty: Meaning of the brackets in the table.
        command: Command line that repeats the run; None where no single one does.
    """

    what: str
    where: str
    when: str
    id: str
    banners: Sequence[str]
    captions: str
    scatters: Sequence[Figure]
    trials: Table
    certainty: str
    facts: Sequence[Fact]
    doubts: Sequence[Doubt]
    command: str | None


def evaluation_section(record: EvaluationRecord) -> Section:
    """Make the section of an evaluation."""
    trials, prefix = summarise_evaluation(record), f"r{record.id}"
    captions = amount(len(record.captions), "caption")
    view = EvaluationView(
        what=what(record),
        where=where(record),
        when=when(record),
        id=record.id,
        banners=banners(record),
        captions=captions,
        scatters=_scatters(record, trials, prefix=prefix),
        trials=trial_table(f"{prefix}-trials", trials),
        certainty=certainty(trials[0].batch_s),
        facts=facts(record),
        doubts=evaluation_doubts(record),
        command=command(record),
    )
    return Section(f"record-{record.id}", f"Quality over {captions}", "evaluation.html.j2", view)


def _scatters(record: EvaluationRecord, trials: Sequence[TrialSummary], *, prefix: str) -> list[Figure]:
    kinds: list[tuple[str, str, _Score, str, str]] = [
        ("psnr", "PSNR against full", lambda run, _: known_psnr(run.scores), "up", " dB"),
        ("features", "Feature distance from full", lambda run, _: known_feature_distance(run.scores), "down", ""),
        ("loss", f"Loss of the {_by_caption(record)} score", _loss, "down", "%"),
    ]
    series = list(dict.fromkeys(_series(trial) for trial in trials))
    charts = []
    for name, title, score, better, unit in kinds:
        points = _points(record, trials, score=score, unit=unit)
        if points:
            charts.append(scatter(f"{prefix}-{name}", title, points, series=series, better=better, unit=unit))
    return charts


def _by_caption(record: EvaluationRecord) -> str:
    return "facts" if record.trials[0].scores.facts else "emoji-clip"


def _points(record: EvaluationRecord, trials: Sequence[TrialSummary], *, score: _Score, unit: str) -> list[Point]:
    scored = [(trial, score(run, trial)) for run, trial in zip(record.trials, trials, strict=True)]
    return [_point(trial, known, unit=unit) for trial, known in scored if known is not None]


def _point(trial: TrialSummary, known: Known, *, unit: str) -> Point:
    speed = trial.speedup
    return Point(
        series=_series(trial),
        label=trial.plan,
        text=f"{trial.name}: {speed.median:.2f}×, {digits(known.value)}{unit}",
        x=Known(speed.median, speed.low, speed.high),
        y=known,
    )


def _series(trial: TrialSummary) -> str:
    return trial.name if trial.branch is None else f"branch {trial.branch}, {trial.forecast}"


def _loss(_: TrialRun, trial: TrialSummary) -> Known | None:
    return None if trial.score_loss is None else known_loss(trial.score_loss, trial.score_loss_error)
