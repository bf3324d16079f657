"""Bars of each contender's time by stage, on one axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from accel_bench.base.stats import Spread
from accel_bench.benchmark.summary import PASSES, PeerSummary, PlanSummary, part_seconds
from accel_bench.records.bench import PEER_PARTS, PeerRun
from accel_bench.report.charts.axis import Axis, grid_across
from accel_bench.report.charts.stages import STAGES, legend
from accel_bench.report.charts.svg import Figure, Key, Line, Rect, Shape, Text
from accel_bench.report.words import Unit, certainty, duration, shorten

_ROW: Final = 60  # from one bar to the next
_BAR: Final = 22
_TOP: Final = 22  # of the first bar, below its name


@dataclass(frozen=True, slots=True)
class Bar:
    """The bar of one contender.

    Attributes:
        parts: Median seconds by kind of stage.
        whole: Seconds of a batch of images.
        limit_s: Least seconds that the hardware's peaks allow; None where that is unknown.
    """

    name: str
    parts: dict[str, float]
    whole: Spread
    limit_s: float | None = None

    @property
    def reach(self) -> float:
        """The largest value that is drawn."""
        return max(sum(self.parts.values()), self.whole.high, self.limit_s or 0)


def plan_bar(plan: PlanSummary, limit_s: float | None) -> Bar:
    """The bar of one of our plans."""
    parts = {kind: max(0.0, getattr(plan.stages, kind)) for kind in STAGES}
    return Bar(plan.name, parts, plan.image_s, limit_s)


def peer_bar(peer: PeerSummary, run: PeerRun) -> Bar:
    """The bar of a peer. Only the time of its UNet is known."""
    unet = median(part_seconds(image, PEER_PARTS, PASSES) for image in run.images)
    return Bar(peer.name, {"deep": unet, "other": max(0.0, peer.image_s.median - unet)}, peer.image_s)


def stage_bars(name: str, bars: Sequence[Bar]) -> Figure:
    """One stacked bar per contender, with the interval of the whole and the limit."""
    axis = Axis(0, max(bar.reach for bar in bars) or 1)
    unit = Unit.fit(bar.reach for bar in bars)
    bottom = _TOP + _ROW * (len(bars) - 1) + _BAR + 10
    shapes = grid_across(axis, top=_TOP - 4, bottom=bottom, unit=f" {unit.name}", factor=unit.per_second)
    for index, bar in enumerate(bars):
        shapes += _draw(bar, axis, unit=unit, top=_TOP + _ROW * index)
    kinds = {kind for bar in bars for kind, seconds in bar.parts.items() if seconds > 0}
    limits = any(bar.limit_s is not None for bar in bars)
    keys = [*legend(kinds), *([Key("limit", "least that the hardware's peaks allow")] if limits else [])]
    return Figure(
        name=name,
        title="Seconds of an image by stage",
        description="; ".join(_describe(bar) for bar in bars),
        height=bottom + 22,
        shapes=shapes,
        legend=[*keys, Key("whisker", "how well the whole is known")],
        note="Parts are medians of their own, so they need not add up to the whole's. "
        f"The line below a bar is {certainty(bars[0].whole)}.",
    )


def _draw(bar: Bar, axis: Axis, *, unit: Unit, top: float) -> list[Shape]:
    whole = bar.whole
    shapes: list[Shape] = [
        Text(0, top - 7, shorten(bar.name), kind="name"),
        Text(100, top - 7, unit.amount(whole.median), "end", "value"),
    ]
    start = 0.0
    for kind, seconds in bar.parts.items():
        label = f"{bar.name}, {STAGES[kind]}: {duration(seconds)}"
        shapes.append(Rect(axis.across(start), top, axis.across(seconds), _BAR, kind, label))
        start += seconds
    middle, low, high = top + _BAR + 6, axis.across(whole.low), axis.across(whole.high)
    shapes += [
        Line(low, middle, high, middle, "whisker", f"{duration(whole.low)} to {duration(whole.high)}"),
        *(Line(x, middle - 3, x, middle + 3, "whisker") for x in (low, axis.across(whole.median), high)),
    ]
    if bar.limit_s is not None:
        x = axis.across(bar.limit_s)
        shapes.append(Line(x, top - 4, x, top + _BAR + 4, "limit", f"{bar.name}, limit: {duration(bar.limit_s)}"))
    return shapes


def _describe(bar: Bar) -> str:
    parts = ", ".join(f"{STAGES[kind]} {duration(seconds)}" for kind, seconds in bar.parts.items() if seconds > 0)
    limit = "" if bar.limit_s is None else f", limit {duration(bar.limit_s)}"
    return f"{bar.name} {duration(bar.whole.median)}: {parts}{limit}"
