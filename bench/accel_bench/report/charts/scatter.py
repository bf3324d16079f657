"""Speed-up against a score, one dot per plan with its uncertainty."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from accel_bench.report.charts.axis import Axis
from accel_bench.report.charts.plane import Known, Place, Plane, labels
from accel_bench.report.charts.svg import Dot, Figure, Key, Line, Shape

_COLOURS: Final = 5


@dataclass(frozen=True, slots=True)
class Point:
    """The dot of one plan.

    Attributes:
        series: Points of the same series are joined by a line.
        label: Short text, written beside the dot where there is room.
        text: Long text, shown when the pointer is over the dot.
    """

    series: str
    label: str
    text: str
    x: Known
    y: Known


def scatter(
    name: str, title: str, points: Sequence[Point], *, series: Sequence[str], better: str, unit: str = ""
) -> Figure:
    """Draw a dot per point, with lines for its uncertainty.

    Args:
        name: Id of the figure.
        title: Description of the vertical axis.
        points: At least one point.
        series: All series, including those without a point here, so that neighbouring charts share colours.
        better: `up` or `down`: the direction of good scores.
        unit: Unit of the vertical axis.
    """
    plane = Plane(
        Axis.around(min(1, *(point.x.low for point in points)), max(point.x.high for point in points)),
        Axis.around(min(point.y.low for point in points), max(point.y.high for point in points)),
    )
    shapes = plane.grid(unit=unit)
    kinds = {each: f"series{index % _COLOURS}" for index, each in enumerate(series)}
    drawn = {each: [point for point in points if point.series == each] for each in series}
    for each, members in drawn.items():
        shapes += _draw(members, plane, kind=kinds[each])
    places = [_place(point, plane) for point in points]
    shapes += labels([(point.label, place) for point, place in zip(points, places, strict=True)], places)
    return Figure(
        name=name,
        title=title,
        description="; ".join(point.text for point in points),
        height=plane.height,
        shapes=shapes,
        legend=[Key(kinds[each], each) for each, members in drawn.items() if members],
        note=f"Across the speed-up; better is {better} and to the right.",
        gutter=True,
    )


def _place(point: Point, plane: Plane) -> Place:
    return plane.x(point.x.value), plane.y(point.y.value)


def _draw(points: Sequence[Point], plane: Plane, *, kind: str) -> list[Shape]:
    ordered = sorted(points, key=lambda point: point.x.value)
    places = [_place(point, plane) for point in ordered]
    shapes: list[Shape] = [Line(*start, *end, f"{kind} join") for start, end in pairwise(places)]
    for point, (x, y) in zip(ordered, places, strict=True):
        shapes += [
            Line(plane.x(point.x.low), y, plane.x(point.x.high), y, f"{kind} error"),
            Line(x, plane.y(point.y.low), x, plane.y(point.y.high), f"{kind} error"),
        ]
    return shapes + [Dot(x, y, kind, point.text, 5) for point, (x, y) in zip(ordered, places, strict=True)]
