"""Charts of a search: every candidate as a dot, one chart for each measure of quality."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from statistics import mean
from typing import TypeAlias

from accel_bench.base.stats import times
from accel_bench.quality.psnr import psnr
from accel_bench.records.parts import PlanFacts
from accel_bench.records.search import Score, SearchRecord, Tried
from accel_bench.report.charts.known import known_feature_distance, known_loss, known_psnr
from accel_bench.report.charts.pareto import Mark, Measure, pareto
from accel_bench.report.charts.plane import Known
from accel_bench.report.charts.svg import Figure
from accel_bench.report.words import amount
from accel_bench.search.summary import TriedSummary
from accel_bench.search.table import loss_words, plan_words

_Quality: TypeAlias = Callable[[Tried, TriedSummary], Known | None]
# The first chart is as wide as the page.
_HIGH, _LOW = 320, 220


def search_charts(prefix: str, record: SearchRecord, summaries: Sequence[TriedSummary]) -> list[Figure]:
    """Draw the charts; the first one has the legend of all."""
    found: list[Figure] = []
    for measure, quality in _measures(record):
        known = [(each, quality(tried, each)) for tried, each in zip(record.tried, summaries, strict=True)]
        marks = [_mark(each, value, pictures=len(record.prompts)) for each, value in known if value is not None]
        if marks:
            height, name = _LOW if found else _HIGH, f"{prefix}-{measure.name}"
            found.append(pareto(name, measure, marks, speedup=_required(record), height=height))
    keys = tuple(dict.fromkeys(key for chart in found for key in chart.legend))
    return [replace(chart, legend=() if index else keys) for index, chart in enumerate(found)]


def _measures(record: SearchRecord) -> Iterator[tuple[Measure, _Quality]]:
    goal, baseline, rounded = record.goal, record.tried[0].facts.name, record.bfloat16
    near = None if rounded is None else psnr(rounded.squared_error)
    yield (
        Measure("psnr", f"PSNR against {baseline}", " dB", "up", goal.min_psnr, near),
        lambda tried, _: known_psnr(tried.scores),
    )
    yield (
        Measure(
            "features",
            f"Feature distance from {baseline}",
            "",
            "down",
            goal.max_feature_distance,
            None if rounded is None else mean(rounded.feature_distance),
        ),
        lambda tried, _: known_feature_distance(tried.scores),
    )
    if goal.score is not Score.FEATURE or goal.max_loss is not None:
        bound = None if goal.max_loss is None else 100 * goal.max_loss
        yield (
            Measure("loss", f"Loss of {goal.score}", "%", "down", bound),
            lambda _, each: known_loss(each.quality.loss, each.quality.loss_error),
        )


def _required(record: SearchRecord) -> float | None:
    """The speed-up that the goal requires, whether it names a speed-up or seconds."""
    baseline_s = record.tried[0].composed_s
    return baseline_s / record.goal.slowest(baseline_s) if record.goal.bounds_speed else None


def _mark(each: TriedSummary, quality: Known, *, pictures: int) -> Mark:
    complete = each.pictures == pictures
    deep = f"{each.facts.deep_text}/{each.facts.calls}"
    return Mark(
        family=each.family,
        label=_label(each.facts),
        text=_text(each, calls=f"{deep} deep{_rest(each.facts)}"),
        speedup=each.speedup,
        measured=each.measured,
        quality=quality,
        complete=complete,
        in_front=each.in_front,
        chosen=each.chosen,
    )


def _label(facts: PlanFacts) -> str:
    """Deep calls of all; where others are skipped, what runs shallow comes after a plus, as in `6+3/50`."""
    shallow = f"+{len(facts.shallow_calls)}" if facts.plan.skip and facts.shallow_calls else ""
    return f"{len(facts.deep_calls)}{shallow}/{facts.calls}"


def _rest(facts: PlanFacts) -> str:
    """What the other calls of a plan with skipped ones do."""
    if not facts.plan.skip:
        return ""
    shallow = f", {len(facts.shallow_calls)} shallow" if facts.shallow_calls else ""
    return f"{shallow}, {len(facts.plan.skip)} skipped"


def _text(each: TriedSummary, *, calls: str) -> str:
    psnr = "no pixel differs" if each.quality.psnr is None else f"{each.quality.psnr:.1f} dB"
    measured = "" if each.measured is None else f", measured {times(each.measured)}"
    return (
        f"{each.family} {plan_words(each)}, {calls}: {each.speedup:.2f}×{measured}; {psnr}, feature distance "
        f"{each.quality.feature_distance:.4f}, loss {loss_words(each)}; {amount(each.pictures, 'picture')}"
    )
