"""Axes: positions of values, and round numbers beside them."""

from dataclasses import dataclass
from math import ceil, floor, log10

from accel_bench.report.charts.svg import Line, Shape, Text
from accel_bench.report.words import plain


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis.

    Attributes:
        low: Value at the start.
        high: Value at the end, above `low`.
    """

    low: float
    high: float

    @classmethod
    def around(cls, low: float, high: float) -> "Axis":
        """Make an axis from ``low`` to ``high`` with room for a mark at either end."""
        room = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
        return cls(low - room, high + room)

    def part(self, value: float) -> float:
        """The position of ``value``: 0 at the start, 1 at the end."""
        return (value - self.low) / (self.high - self.low)

    def across(self, value: float) -> float:
        """The position in percent of a chart's width."""
        return 100 * self.part(value)

    def down(self, value: float, *, top: float, height: float) -> float:
        """The position in pixels from the top of a chart, for an axis whose end is at the top."""
        return top + height * (1 - self.part(value))

    def ticks(self, count: int = 5) -> list[float]:
        """About ``count`` round values on the axis: multiples of 1, 2 or 5 times a power of ten."""
        step = _round_step((self.high - self.low) / count)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]


def grid_across(axis: Axis, *, top: float, bottom: float, unit: str, factor: float = 1) -> list[Shape]:
    """Vertical lines at round values of ``axis × factor``, with their numbers below ``bottom``."""
    shown = Axis(axis.low * factor, axis.high * factor)
    shapes: list[Shape] = []
    for tick in shown.ticks():
        x = shown.across(tick)
        anchor = "start" if x < 4 else "end" if x > 96 else "middle"
        shapes += [
            Line(x, top, x, bottom, "grid"),
            Text(x, bottom + 16, f"{plain(tick)}{unit}", anchor, "tick"),  # type: ignore[arg-type]  # one of three
        ]
    return shapes


def grid_down(axis: Axis, *, top: float, height: float, unit: str = "") -> list[Shape]:
    """Horizontal lines at round values, with their numbers left of the chart."""
    shapes: list[Shape] = []
    for tick in axis.ticks():
        y = axis.down(tick, top=top, height=height)
        shapes += [
            Line(0, y, 100, y, "grid"),
            Text(0, y + 4, f"{plain(tick)}{unit}", "end", "tick", shift=-6),
        ]
    return shapes


def _round_step(least: float) -> float:
    power = 10.0 ** floor(log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
