"""Every sample of every contender, relative to the contender's own median."""

from collections.abc import Mapping, Sequence
from typing import Final

from accel_bench.base.stats import Spread
from accel_bench.report.charts.axis import Axis, grid_across
from accel_bench.report.charts.svg import Dot, Figure, Key, Line, Rect, Shape, Text
from accel_bench.report.words import duration, shorten

_ROW: Final = 64
_BAND: Final = 36  # height of one contender's samples
_TOP: Final = 22


def strips(name: str, samples: Mapping[str, Sequence[float]], *, yardstick: str) -> Figure:
    """Draw one band of dots per contender, with the first round at the top.

    Args:
        name: Id of the figure.
        samples: Seconds of each round by contender.
        yardstick: Name of the contender that is the fixed piece of work, which shows the machine's own speed.
    """
    spreads = {contender: Spread.of(seconds) for contender, seconds in samples.items()}
    reach = max(abs(value / spreads[row].median - 1) for row, values in samples.items() for value in values)
    axis = Axis.around(-max(reach, 0.01), max(reach, 0.01))
    bottom = _TOP + _ROW * (len(samples) - 1) + _BAND + 6
    shapes = grid_across(axis, top=_TOP - 4, bottom=bottom, unit="%", factor=100)
    for index, (row, values) in enumerate(samples.items()):
        kind = "yardstick" if row == yardstick else "sample"
        shapes += _draw(row, values, axis=axis, top=_TOP + _ROW * index, kind=kind)
    return Figure(
        name=name,
        title="Every sample, as its distance from the median",
        description="; ".join(
            f"{row}: {duration(min(values))} to {duration(max(values))}, median {duration(spreads[row].median)}"
            for row, values in samples.items()
        ),
        height=bottom + 22,
        shapes=shapes,
        legend=[Key("sample", "an image"), Key("yardstick", "the yardstick"), Key("band", "interval of the median")],
        note=f"Rounds from top to bottom. The {yardstick} is a fixed matrix product timed once a round: "
        "where it moves, the machine did.",
    )


def _draw(name: str, values: Sequence[float], *, axis: Axis, top: float, kind: str) -> list[Shape]:
    spread = Spread.of(values)

    def across(value: float) -> float:
        return axis.across(value / spread.median - 1)

    low, high = across(spread.low), across(spread.high)
    shapes: list[Shape] = [
        Text(0, top - 7, shorten(name), kind="name"),
        Text(100, top - 7, f"median {duration(spread.median)}", "end", "value"),
        Rect(low, top, high - low, _BAND, "band", f"{duration(spread.low)} to {duration(spread.high)}"),
        Line(across(spread.median), top, across(spread.median), top + _BAND, "median"),
    ]
    pitch = _BAND / len(values)
    return shapes + [
        Dot(across(value), top + pitch * (index + 0.5), kind, f"{name}, round {index + 1}: {duration(value)}", 3.5)
        for index, value in enumerate(values)
    ]
