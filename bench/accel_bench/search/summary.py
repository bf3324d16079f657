"""The results of a search, computed from its record."""

from statistics import median

import msgspec

from accel_bench.base.stats import Spread, ratios
from accel_bench.quality.loss import Quality, judge
from accel_bench.records.parts import PlanFacts
from accel_bench.records.search import SearchRecord, Tried
from accel_bench.search.goal import front, meets
from accel_bench.search.space import Answer, Candidate


class TriedSummary(msgspec.Struct, frozen=True):
    """One candidate against the baseline.

    Attributes:
        pictures: Number of pictures that it was judged on.
        speedup: Composed: the baseline's seconds over its own.
        measured: The same end to end, round by round; None where it was no finalist.
        time_error: (composed - measured) / measured seconds; None as above.
        speedup_error: The same of speed-ups, which a machine that got slower or faster meanwhile does not change.
        in_front: Whether no other that was judged on all pictures is as fast and better, or faster and as good.
        meets: Whether it keeps the goal.
        chosen: Whether it is what the search recommends.
    """

    id: str
    family: str
    facts: PlanFacts
    pictures: int
    composed_s: float
    speedup: float
    measured: Spread | None
    time_error: float | None
    speedup_error: float | None
    quality: Quality
    in_front: bool
    meets: bool
    chosen: bool


def summarise_search(record: SearchRecord) -> tuple[TriedSummary, ...]:
    """Every candidate, the baseline first."""
    baseline = record.tried[0]
    measured = {tried.id: Spread.of(ratios(baseline.image_s, tried.image_s)) for tried in record.tried if tried.image_s}
    answers = {tried.id: answer_of(tried, record) for tried in record.tried}
    complete = [answers[tried.id] for tried in record.tried if is_complete(tried, record)]
    best = front(complete)
    return tuple(
        TriedSummary(
            id=tried.id,
            family=tried.family,
            facts=tried.facts,
            pictures=len(tried.scores.squared_error),
            composed_s=tried.composed_s,
            speedup=_speedup(tried, record),
            measured=measured.get(tried.id),
            time_error=tried.composed_s / median(tried.image_s) - 1 if tried.image_s else None,
            speedup_error=_speedup(tried, record) / measured[tried.id].median - 1 if tried.id in measured else None,
            quality=answers[tried.id].quality,
            in_front=answers[tried.id] in best,
            meets=is_complete(tried, record) and meets(record.goal, answers[tried.id], baseline_s=baseline.composed_s),
            chosen=tried.id == record.chosen,
        )
        for tried in record.tried
    )


def _speedup(tried: Tried, record: SearchRecord) -> float:
    return record.tried[0].composed_s / tried.composed_s


def is_complete(tried: Tried, record: SearchRecord) -> bool:
    """Whether it was judged on every picture."""
    return len(tried.scores.squared_error) == len(record.prompts)


def quality_of(tried: Tried, record: SearchRecord) -> Quality:
    """The quality of a candidate's pictures against the baseline's of the same seeds."""
    return judge(tried.scores, record.tried[0].scores, record.goal.score)


def answer_of(tried: Tried, record: SearchRecord) -> Answer:
    """The answer that the search was sent for a candidate."""
    candidate = Candidate(tried.family, tried.facts.plan)
    return Answer(candidate, tried.composed_s, quality_of(tried, record))
