"""The ground of charts of two values: where a value lies, and names that keep off each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal, TypeAlias

from accel_bench.report.charts.axis import Axis, grid_across, grid_down
from accel_bench.report.charts.svg import Shape, Text

_TOP: Final = 12
# The width, in pixels, for which labels are kept from lying on each other.
_NOMINAL: Final = 240
_LETTER: Final = 6.5

Place: TypeAlias = tuple[float, float]
_Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Known:
    """A value and the ends of what it is known to."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Plane:
    """A level and an upright axis.

    Attributes:
        high: Pixels from end to end of the upright one.
    """

    across: Axis
    upright: Axis
    high: float = 220

    def x(self, value: float) -> float:
        """In percent of the chart's width."""
        return self.across.across(value)

    def y(self, value: float) -> float:
        """In pixels from the top."""
        return self.upright.down(value, top=_TOP, height=self.high)

    @property
    def top(self) -> float:
        """Where the upright axis ends, in pixels."""
        return _TOP

    @property
    def bottom(self) -> float:
        """Where it starts."""
        return _TOP + self.high

    @property
    def height(self) -> float:
        """Of the whole chart with its numbers."""
        return self.bottom + 22

    def grid(self, *, unit: str) -> list[Shape]:
        """Lines at round values; those across are speed-ups."""
        level = grid_down(self.upright, top=_TOP, height=self.high, unit=unit)
        return level + grid_across(self.across, top=_TOP, bottom=self.bottom, unit="×")


def labels(named: Sequence[tuple[str, Place]], dots: Sequence[Place]) -> list[Shape]:
    """Beside each place its name, unless it would lie on a dot or a name that is there already."""
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
