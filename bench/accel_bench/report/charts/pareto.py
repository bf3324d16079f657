"""Speed-up against quality for every candidate of a search, with the front and the goal's bounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from statistics import median
from typing import Final, Literal

from accel_bench.base.stats import Spread
from accel_bench.report.charts.axis import Axis
from accel_bench.report.charts.plane import Known, Plane, labels
from accel_bench.report.charts.svg import Dot, Figure, Key, Line, Shape
from accel_bench.report.words import amount, digits, plain

# Families take the page's colours in this order, so that a family has the same colour on every page.
_FAMILIES: Final = ("full", "uniform", "solved", "power", "first", "last", "skips", "fewer steps", "moved")
# Candidates that lose more than this many times the goal's bound are not shown.
_REACH: Final = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """A candidate.

    Attributes:
        family: The family decides the colour.
        label: Short text beside the dot, for candidates of the front.
        text: Long text, shown when the pointer is over the dot.
        speedup: Composed speed-up.
        measured: Speed-up end to end; None where it was not timed.
        complete: Whether it was judged on all pictures.
    """

    family: str
    label: str
    text: str
    speedup: float
    measured: Spread | None
    quality: Known
    complete: bool
    in_front: bool
    chosen: bool


@dataclass(frozen=True, slots=True)
class Measure:
    """The measure on the vertical axis.

    Attributes:
        better: The direction of good values.
        bound: The goal's bound; None where it has none.
        bfloat16: Value of the uncached pictures in bfloat16; None where it is not known.
    """

    name: str
    title: str
    unit: str
    better: Literal["up", "down"]
    bound: float | None
    bfloat16: float | None = None


def pareto(name: str, measure: Measure, marks: Sequence[Mark], *, speedup: float | None, height: float) -> Figure:
    """Draw a dot per candidate. Those of the front are larger and joined by a line.

    Args:
        name: Id of the figure.
        measure: The measure on the vertical axis.
        marks: At least one candidate.
        speedup: Speed-up that the goal requires; None where it requires none.
        height: Height of the vertical axis in pixels.
    """
    reach = _reach(marks, measure)
    shown = [mark for mark in marks if mark.quality.value <= reach or mark.measured is not None]
    plane = Plane(_speeds(marks, speedup), _qualities(shown, measure), height)
    front = sorted((mark for mark in shown if mark.in_front), key=lambda mark: mark.speedup)
    shapes = [*plane.grid(unit=measure.unit), *_bounds(plane, measure, speedup=speedup)]
    shapes += [Line(*_place(one, plane), *_place(other, plane), "front join") for one, other in pairwise(front)]
    # Later dots are drawn on top.
    for mark in sorted(shown, key=lambda mark: (mark.complete, mark.measured is not None, mark.in_front)):
        shapes += _draw(mark, plane)
    named = sorted(front, key=lambda mark: not mark.chosen)
    shapes += labels([(mark.label, _place(mark, plane)) for mark in named], [_place(mark, plane) for mark in shown])
    return Figure(
        name=name,
        title=measure.title,
        description=_describe(front, shown),
        height=plane.height,
        shapes=shapes,
        legend=_legend(shown, shapes),
        note=_note(measure, plane, left_out=_left_out(len(marks) - len(shown), reach, measure), speedup=speedup),
        gutter=True,
    )


def _place(mark: Mark, plane: Plane) -> tuple[float, float]:
    return plane.x(mark.speedup), plane.y(mark.quality.value)


def _kind(family: str) -> str:
    return f"series{_FAMILIES.index(family)}" if family in _FAMILIES else "other"


def _rank(family: str) -> tuple[int, str]:
    """Families with a colour of their own come first in the legend, in the order of the colours."""
    return _FAMILIES.index(family) if family in _FAMILIES else len(_FAMILIES), family


def _reach(marks: Sequence[Mark], measure: Measure) -> float:
    """The worst value that is shown, where less is better. At least half of all candidates are shown."""
    if measure.better == "up" or measure.bound is None:
        return inf
    return max(_REACH * measure.bound, median(mark.quality.value for mark in marks))


def _speeds(marks: Sequence[Mark], bound: float | None) -> Axis:
    ends = [end for mark in marks if mark.measured is not None for end in (mark.measured.low, mark.measured.high)]
    return _axis([*(mark.speedup for mark in marks), *ends], bound)


def _qualities(marks: Sequence[Mark], measure: Measure) -> Axis:
    ends = [end for mark in marks if mark.measured is not None for end in (mark.quality.low, mark.quality.high)]
    rounding = [] if measure.bfloat16 is None else [measure.bfloat16]
    return _axis([*(mark.quality.value for mark in marks), *ends, *rounding], measure.bound)


def _axis(values: Sequence[float], bound: float | None) -> Axis:
    """An axis around all values. It includes the bound if that is no further away than the values' own range."""
    low, high = min(values), max(values)
    if bound is not None and 2 * low - high <= bound <= 2 * high - low:
        low, high = min(low, bound), max(high, bound)
    return Axis.around(low, high)


def _bounds(plane: Plane, measure: Measure, *, speedup: float | None) -> list[Shape]:
    found: list[Shape] = []
    if measure.bound is not None and _within(measure.bound, plane.upright):
        y = plane.y(measure.bound)
        found.append(Line(0, y, 100, y, "bound", f"the goal's bound: {plain(measure.bound)}{measure.unit}"))
    if measure.bfloat16 is not None and _within(measure.bfloat16, plane.upright):
        y, told = plane.y(measure.bfloat16), f"{digits(measure.bfloat16)}{measure.unit}"
        found.append(Line(0, y, 100, y, "rounding", f"full in bfloat16: {told}"))
    if speedup is not None and _within(speedup, plane.across):
        x = plane.x(speedup)
        found.append(Line(x, plane.top, x, plane.bottom, "bound", f"the goal's bound: {speedup:.2f}×"))
    return found


def _within(value: float, axis: Axis) -> bool:
    return axis.low <= value <= axis.high


def _draw(mark: Mark, plane: Plane) -> list[Shape]:
    (x, y), kind = _place(mark, plane), _kind(mark.family)
    shapes: list[Shape] = []
    if mark.measured is not None:
        low, middle, high = (plane.x(end) for end in (mark.measured.low, mark.measured.median, mark.measured.high))
        shapes += [
            Line(x, y, middle, y, "whisker join"),
            Line(low, y, high, y, "whisker"),
            *(Line(end, y - 4, end, y + 4, "whisker") for end in (low, middle, high)),
            Line(x, plane.y(mark.quality.low), x, plane.y(mark.quality.high), "whisker"),
        ]
    if mark.chosen:
        shapes.append(Dot(x, y, "ring", radius=8))
    shade = kind if mark.complete else f"{kind} faint"
    return [*shapes, Dot(x, y, shade, mark.text, 5 if mark.in_front else 4)]


def _legend(shown: Sequence[Mark], shapes: Sequence[Shape]) -> list[Key]:
    families = sorted({mark.family for mark in shown}, key=_rank)
    kinds = {shape.kind for shape in shapes}
    others = [
        Key("faint", "dropped after fewer pictures"),
        Key("front", "Pareto front"),
        Key("ring", "chosen"),
        Key("whisker", "measured end to end"),
        Key("bound", "bound of the goal"),
        Key("rounding", "full in bfloat16"),
    ]
    there = {
        "faint": any(not mark.complete for mark in shown),
        "front": "front join" in kinds,
        **{kind: kind in kinds for kind in ("ring", "whisker", "bound", "rounding")},
    }
    return [*(Key(_kind(family), family) for family in families), *(key for key in others if there[key.kind])]


def _left_out(count: int, reach: float, measure: Measure) -> str:
    return f"Not drawn: {amount(count, 'candidate')} above {digits(reach)}{measure.unit}." if count else ""


def _note(measure: Measure, plane: Plane, *, left_out: str, speedup: float | None) -> str:
    words = [f"Across the composed speed-up; better is {measure.better} and to the right.", left_out]
    if measure.bound is not None and not _within(measure.bound, plane.upright):
        words.append(f"The goal's bound, {plain(measure.bound)}{measure.unit}, lies beyond the chart.")
    if speedup is not None and not _within(speedup, plane.across):
        words.append(f"The speed-up that the goal requires, {speedup:.2f}×, lies beyond the chart.")
    return " ".join(filter(None, words))


def _describe(front: Sequence[Mark], shown: Sequence[Mark]) -> str:
    told = "; ".join(f"{mark.text}{', chosen' if mark.chosen else ''}" for mark in front)
    return f"{amount(len(shown), 'candidate')}. The front, slowest first: {told}"
