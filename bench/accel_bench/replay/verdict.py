"""What was measured against what a profile expects."""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from accel_bench.environment import Environment
from accel_bench.intervals import Spread
from accel_bench.profiles import Figure, Measured, Profile
from accel_bench.records.bench import BenchRecord
from accel_bench.replay.groups import meets_baseline
from accel_bench.summary import PlanSummary, summarise

Word = Literal[
    "holds",
    "missed",
    "undecided",
    "other machine",
    "other pictures",
    "not comparable",
    "not measured",
    "no expectation",
]

# Figures that compare with the config's baseline.
_RELATIVE = ("speedup", "psnr_db")
# By figure, whether less is better.
_LESS_IS_BETTER = {"latency_s": True, "steps_per_s": False, "speedup": False, "psnr_db": False}


class Verdict(msgspec.Struct, frozen=True):
    """One figure of one config.

    Attributes:
        figure: As the profile calls it; `latency_s` also where nothing is expected.
        median: Of what was measured; None where `accel bench` does not measure it.
        p90: Same; only of latencies.
        expected: None where the profile says nothing.
        kind: Where the expectation comes from: published, measured or predicted.
        ratio: Measured over expected; None where the two are not comparable.
        word: What to think of it.
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
        """Whether a promise, a figure that was measured on such a device, is missed."""
        return self.word == "missed" and self.kind == "measured"


def judge(profile: Profile, records: Sequence[BenchRecord], *, tolerance: float) -> tuple[Verdict, ...]:
    """Every figure that the profile expects of the configs that were run, and their latencies in any case.

    Args:
        profile: Says what to expect.
        records: Of its configs.
        tolerance: How far a figure may be off, as a share.
    """
    return tuple(verdict for record in records for verdict in _judge_record(profile, record, tolerance))


def _judge_record(profile: Profile, record: BenchRecord, tolerance: float) -> Iterator[Verdict]:
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
            found = _measured(figure, plan, record) if meets or figure not in _RELATIVE else None
            yield _verdict(name, figure, figures.get(figure), found=found, record=record, tolerance=tolerance)


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
    elif figure == "psnr_db":
        word = "other pictures"
    elif _is_elsewhere(figure, expected, record.environment):
        word = "other machine"
    else:
        word = _hold(found, expected.value, tolerance, less_is_better=_LESS_IS_BETTER[figure])
    return Verdict(
        config=config,
        figure=figure,
        median=None if found is None else found.median,
        p90=None if found is None or figure != "latency_s" else found.p90,
        expected=None if expected is None else expected.value,
        kind="" if expected is None else expected.kind,
        ratio=None if found is None or expected is None or word == "not comparable" else found.median / expected.value,
        word=word,
    )


def _hold(found: Spread, expected: float, tolerance: float, *, less_is_better: bool) -> Word:
    """Missed only where the whole interval of the median misses."""
    if less_is_better:
        limit = expected * (1 + tolerance)
        return "holds" if found.median <= limit else ("missed" if found.low > limit else "undecided")
    limit = expected * (1 - tolerance)
    return "holds" if found.median >= limit else ("missed" if found.high < limit else "undecided")


def _is_elsewhere(figure: str, expected: Figure, environment: Environment) -> bool:
    """Whether a time was measured on another machine of the profile's kind, as with processors."""
    if figure != "latency_s" or not isinstance(expected, Measured):
        return False
    return expected.machine != machine_name(environment)


def machine_name(environment: Environment) -> str:
    """What a measured figure calls its machine."""
    instructions = f" ({environment.instructions})" if environment.instructions else ""
    return f"{environment.cpu}{instructions}, {environment.cores} cores"


def _measured(figure: str, plan: PlanSummary, record: BenchRecord) -> Spread | None:
    if figure == "latency_s":
        return plan.image_s
    if figure == "speedup":
        return plan.speedup
    if figure == "psnr_db" and plan.psnr is not None:
        return Spread(plan.psnr, plan.psnr, plan.psnr, confidence=0.0, p90=plan.psnr, samples=record.workload.batch)
    return None
