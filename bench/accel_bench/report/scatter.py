"""Speed-up against a score, one dot per plan with what it is known to."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Final, Literal

from accel_bench.report.axis import Axis, grid_across, grid_down
from accel_bench.report.svg import Dot, Figure, Key, Line, Shape, Text

_TOP: Final = 12
_HEIGHT: Final = 220
# The width, in pixels, for which labels are kept from lying on each other.
_NOMINAL: Final = 240
_LETTER: Final = 6.5
_COLOURS: Final = 5


@dataclass(frozen=True, slots=True)
class Known:
    """A value and the ends of what it is known to."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Point:
    """One plan.

    Attributes:
        series: What it has in common with others; those of a series are joined by a line.
        label: Short, written beside the dot where there is room.
        text: Long, shown when the dot is pointed at.
    """

    series: str
    label: str
    text: str
    x: Known
    y: Known


def scatter(
    name: str, title: str, points: Sequence[Point], *, series: Sequence[str], better: str, unit: str = ""
) -> Figure:
    """A dot per point, with lines for its ends.

    Args:
        name: Of the figure.
        title: What the upright axis shows.
        points: At least one.
        series: All there are, also those without a point here, so that charts beside each other share colours.
        better: `up` or `down`: where a good score lies.
        unit: Of the upright axis.
    """
    across = Axis.around(min(1, *(point.x.low for point in points)), max(point.x.high for point in points))
    upright = Axis.around(min(point.y.low for point in points), max(point.y.high for point in points))
    bottom = _TOP + _HEIGHT
    shapes = grid_down(upright, top=_TOP, height=_HEIGHT, unit=unit)
    shapes += grid_across(across, top=_TOP, bottom=bottom, unit="×")
    kinds = {each: f"series{index % _COLOURS}" for index, each in enumerate(series)}
    drawn = {each: [point for point in points if point.series == each] for each in series}
    for each, members in drawn.items():
        shapes += _draw(members, across, upright, kind=kinds[each])
    shapes += _labels(points, across, upright)
    return Figure(
        name=name,
        title=title,
        description="; ".join(point.text for point in points),
        height=bottom + 22,
        shapes=shapes,
        legend=[Key(kinds[each], each) for each, members in drawn.items() if members],
        note=f"Across the speed-up; better is {better} and to the right.",
        gutter=True,
    )


def _place(point: Point, across: Axis, upright: Axis) -> tuple[float, float]:
    return across.across(point.x.value), upright.down(point.y.value, top=_TOP, height=_HEIGHT)


def _draw(points: Sequence[Point], across: Axis, upright: Axis, *, kind: str) -> list[Shape]:
    ordered = sorted(points, key=lambda point: point.x.value)
    places = [_place(point, across, upright) for point in ordered]
    shapes: list[Shape] = [Line(*start, *end, f"{kind} join") for start, end in pairwise(places)]
    for point, (x, y) in zip(ordered, places, strict=True):
        low, high = (upright.down(value, top=_TOP, height=_HEIGHT) for value in (point.y.low, point.y.high))
        shapes += [
            Line(across.across(point.x.low), y, across.across(point.x.high), y, f"{kind} error"),
            Line(x, low, x, high, f"{kind} error"),
        ]
    return shapes + [Dot(x, y, kind, point.text, 5) for point, (x, y) in zip(ordered, places, strict=True)]


def _labels(points: Sequence[Point], across: Axis, upright: Axis) -> list[Shape]:
    """Beside each dot its name, unless it would lie on a dot or a name that is there already."""
    places = [_place(point, across, upright) for point in points]
    taken = [(x * _NOMINAL / 100 - 6, y - 6, x * _NOMINAL / 100 + 6, y + 6) for x, y in places]
    shapes: list[Shape] = []
    for point, (x, y) in zip(points, places, strict=True):
        length, left = _LETTER * len(point.label), x * _NOMINAL / 100
        for right, below in product((True, False), (False, True)):
            start, foot = left + 8 if right else left - 8 - length, y + (16 if below else -5)
            box = (start, foot - 10, start + length, foot + 2)
            if box[0] >= 0 and box[2] <= _NOMINAL and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                anchor: Literal["start", "end"] = "start" if right else "end"
                shapes.append(Text(x, foot, point.label, anchor, "point", shift=8 if right else -8))
                break
    return shapes


_Box = tuple[float, float, float, float]


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
