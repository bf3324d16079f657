"""Verdicts: what was measured against what a profile expects."""

from collections.abc import Iterator, Mapping, Sequence
from math import log10
from typing import Literal

import msgspec

from accel_bench.base.stats import Spread
from accel_bench.benchmark.summary import PlanSummary, summarise
from accel_bench.profiles import Figure, Measured, Profile
from accel_bench.records.bench import BenchRecord
from accel_bench.records.environment import Environment, machine_name
from accel_bench.records.evaluation import EvaluationRecord
from accel_bench.replay.groups import meets_baseline
from accel_bench.replay.quality import judged

Word = Literal[
    "holds",
    "missed",
    "undecided",
    "other machine",
    "not comparable",
    "not measured",
    "no expectation",
]

# Figures that compare a config with its baseline.
_RELATIVE = ("speedup", "psnr_db", "score_loss")
_LESS_IS_BETTER = ("latency_s", "score_loss")


class Verdict(msgspec.Struct, frozen=True):
    """One figure of one config.

    Attributes:
        config: Id of the config.
        figure: Name of the figure in the profile; `latency_s` also where nothing is expected.
        median: Median of the samples; None where nothing was measured.
        p90: 90th percentile of latencies; None for other figures.
        expected: Figure of the profile; None where it says nothing.
        kind: Origin of the expectation: published, measured or predicted.
        ratio: Measured over expected; None for figures of quality, and where the two are not comparable.
        word: The verdict.
    """

    config: str
    figure: str
    median: float | None
    p90: float | None
    expected: float | None
    kind: str
    ratio: float | None
    word: Word

    @property
    def is_broken(self) -> bool:
        """Whether a figure that the profile measured on such a device is missed."""
        return self.word == "missed" and self.kind == "measured"


def judge(
    profile: Profile,
    records: Sequence[BenchRecord],
    *,
    evaluations: Mapping[str, EvaluationRecord],
    tolerance: float,
) -> tuple[Verdict, ...]:
    """A verdict on every figure that the profile expects of the configs that ran, and on their latencies in any case.

    Args:
        profile: Profile that says what to expect.
        records: Records of its configs.
        evaluations: Evaluations of the same plans, by the id of the record.
        tolerance: Share by which a figure may be off; for a PSNR, its root mean squared error.
    """
    return tuple(
        verdict
        for record in records
        for verdict in _judge_record(profile, record, evaluations.get(record.id), tolerance=tolerance)
    )


def _judge_record(
    profile: Profile, record: BenchRecord, evaluation: EvaluationRecord | None, *, tolerance: float
) -> Iterator[Verdict]:
    use = record.profile
    if use is None:
        return
    for plan in summarise(record).plans:
        name = use.configs.get(plan.name)
        if name is None:
            continue
        config = profile.configs[name]
        figures, meets = dict(config.expected.items()), meets_baseline(config, profile.configs)
        for figure in dict.fromkeys(("latency_s", *figures)):
            expected = figures.get(figure)
            found = _timed(figure, plan)
            if evaluation is not None and found is None:
                found = judged(figure, expected, plan=plan.name, record=evaluation)
            if figure in _RELATIVE and not meets:
                found = None
            yield _verdict(name, figure, expected, found=found, record=record, tolerance=tolerance)


def _verdict(
    config: str, figure: str, expected: Figure | None, *, found: Spread | None, record: BenchRecord, tolerance: float
) -> Verdict:
    word: Word
    if expected is None:
        word = "no expectation"
    elif found is None:
        word = "not measured"
    elif record.profile is None or not record.profile.comparable:
        word = "not comparable"
    elif _is_elsewhere(figure, expected, record.environment):
        word = "other machine"
    else:
        word = _hold(found, figure, _limit(figure, expected.value, tolerance))
    return Verdict(
        config=config,
        figure=figure,
        median=None if found is None else found.median,
        p90=None if found is None or figure != "latency_s" else found.p90,
        expected=None if expected is None else expected.value,
        kind="" if expected is None else expected.kind,
        ratio=_ratio(figure, expected, found=found) if word != "not comparable" else None,
        word=word,
    )


def _ratio(figure: str, expected: Figure | None, *, found: Spread | None) -> float | None:
    """Measured over expected; None for decibels and losses, which are differences already."""
    if found is None or expected is None or figure in ("psnr_db", "score_loss"):
        return None
    return found.median / expected.value


def _limit(figure: str, expected: float, tolerance: float) -> float:
    """The worst value that a figure may have."""
    if figure == "psnr_db":
        return expected - 20 * log10(1 + tolerance)
    return expected + tolerance * abs(expected) * (1 if figure in _LESS_IS_BETTER else -1)


def _hold(found: Spread, figure: str, limit: float) -> Word:
    """Whether a figure holds; it is missed only where its whole interval is."""
    if figure in _LESS_IS_BETTER:
        return "holds" if found.median <= limit else ("missed" if found.low > limit else "undecided")
    return "holds" if found.median >= limit else ("missed" if found.high < limit else "undecided")


def _is_elsewhere(figure: str, expected: Figure, environment: Environment) -> bool:
    """Whether the profile measured a time on another machine of its kind, as happens with processors."""
    if figure != "latency_s" or not isinstance(expected, Measured):
        return False
    return expected.machine != machine_name(environment)


def _timed(figure: str, plan: PlanSummary) -> Spread | None:
    times = {"latency_s": plan.image_s, "speedup": plan.speedup}
    return times.get(figure)
