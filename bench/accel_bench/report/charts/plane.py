"""The plane of charts of two values: positions, grid lines, and labels that do not overlap."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal, TypeAlias

from accel_bench.report.charts.axis import Axis, grid_across, grid_down
from accel_bench.report.charts.svg import Shape, Text

_TOP: Final = 12
# Labels do not overlap on charts of this width in pixels.
_NOMINAL: Final = 240
_LETTER: Final = 6.5

Place: TypeAlias = tuple[float, float]
_Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Known:
    """A value and the ends of its uncertainty."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Plane:
    """A horizontal and a vertical axis.

    Attributes:
        across: Horizontal axis.
        upright: Vertical axis.
        high: Length of the vertical axis in pixels.
    """

    across: Axis
    upright: Axis
    high: float = 220

    def x(self, value: float) -> float:
        """The horizontal position in percent of the chart's width."""
        return self.across.across(value)

    def y(self, value: float) -> float:
        """The vertical position in pixels from the top."""
        return self.upright.down(value, top=_TOP, height=self.high)

    @property
    def top(self) -> float:
        """The end of the vertical axis in pixels from the top."""
        return _TOP

    @property
    def bottom(self) -> float:
        """The start of the vertical axis in pixels from the top."""
        return _TOP + self.high

    @property
    def height(self) -> float:
        """Height of the whole chart with its numbers, in pixels."""
        return self.bottom + 22

    def grid(self, *, unit: str) -> list[Shape]:
        """Lines at round values; the horizontal axis shows speed-ups."""
        level = grid_down(self.upright, top=_TOP, height=self.high, unit=unit)
        return level + grid_across(self.across, top=_TOP, bottom=self.bottom, unit="×")


def labels(named: Sequence[tuple[str, Place]], dots: Sequence[Place]) -> list[Shape]:
    """Write a label beside each place, unless it would overlap a dot or an earlier label."""
    taken = [(x * _NOMINAL / 100 - 6, y - 6, x * _NOMINAL / 100 + 6, y + 6) for x, y in dots]
    shapes: list[Shape] = []
    for name, (x, y) in named:
        length, left = _LETTER * len(name), x * _NOMINAL / 100
        for right, below in product((True, False), (False, True)):
            start, foot = left + 8 if right else left - 8 - length, y + (16 if below else -5)
            box = (start, foot - 10, start + length, foot + 2)
            if box[0] >= 0 and box[2] <= _NOMINAL and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                anchor: Literal["start", "end"] = "start" if right else "end"
                shapes.append(Text(x, foot, name, anchor, "point", shift=8 if right else -8))
                break
    return shapes


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
