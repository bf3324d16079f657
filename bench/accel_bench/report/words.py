"""Numbers as text: with a unit, three significant digits, and an interval."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor, log10, sqrt

from accel_bench.base.stats import CONFIDENCE, Spread

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of time.

    Attributes:
        name: Abbreviation of the unit.
        per_second: Number of units in a second.
    """

    name: str
    per_second: float

    @classmethod
    def fit(cls, seconds: Iterable[float]) -> "Unit":
        """Choose the largest unit in which the middle of ``seconds``, on a logarithmic scale, is 1 or more."""
        known = [value for value in seconds if value > 0]
        middle = sqrt(min(known) * max(known)) if known else 1
        return next((unit for unit in (_SECONDS, _MILLISECONDS) if middle * unit.per_second >= 1), _MICROSECONDS)

    def number(self, seconds: float) -> str:
        """A duration without the unit's name, for columns that have it in their heading."""
        return digits(seconds * self.per_second)

    def amount(self, seconds: float) -> str:
        """A duration with the unit's name."""
        return f"{self.number(seconds)} {self.name}"

    def spread(self, seconds: Spread) -> str:
        """The median and its interval, without the unit's name."""
        return spread(seconds, factor=self.per_second)


_SECONDS, _MILLISECONDS, _MICROSECONDS = Unit("s", 1), Unit("ms", 1e3), Unit("µs", 1e6)


def duration(seconds: float) -> str:
    """A duration in the unit that fits, such as `291 ms`."""
    return Unit.fit([abs(seconds)]).amount(seconds)


def digits(value: float, count: int = 3) -> str:
    """``value`` with ``count`` significant digits, without an exponent.

    >>> [digits(value) for value in (2736.3, 41.4066, 0.0123456, 0.0)]
    ['2736', '41.4', '0.0123', '0']
    """
    return f"{value:.{_decimals(value, count)}f}" if value else "0"


def spread(values: Spread, *, factor: float = 1) -> str:
    """The median and its interval, with the median's number of decimals.

    >>> spread(Spread(0.2914, 0.2883, 0.3, 0.97, 0.3, 6), factor=1000)
    '291 [288 – 300]'
    """
    median, low, high = (value * factor for value in (values.median, values.low, values.high))
    decimals = _decimals(median, 3)
    return f"{median:.{decimals}f} [{low:.{decimals}f} – {high:.{decimals}f}]"


def plain(value: float) -> str:
    """A round number for an axis.

    >>> [plain(value) for value in (0.30000000000000004, 10.0, -2.5, -0.0)]
    ['0.3', '10', '−2.5', '0']
    """
    return f"{value:.10g}".replace("-", "−") if value else "0"


def share(value: float) -> str:
    """A share as percent."""
    return f"{value:.1%}"


def amount(count: int, noun: str) -> str:
    """A count with its noun in the singular or plural."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def shorten(name: str, length: int = 30) -> str:
    """Shorten a name to fit beside a chart on a phone. Its ends stay, as they distinguish plans.

    >>> shorten("calls:0,4,9,14,19,24,29 k=0 hold", 20)
    'calls:0,4,…9 k=0 hold'
    """
    if len(name) <= length:
        return name
    return f"{name[: length // 2]}…{name[-(length // 2) :]}"


def certainty(values: Spread) -> str:
    """Describe the two values beside a median. Too few samples have no interval."""
    samples = amount(values.samples, "sample")
    if values.confidence >= CONFIDENCE:
        return f"the {CONFIDENCE:.0%} interval of the median of {samples}"
    return f"the smallest and the largest of {samples}, too few for an interval of {CONFIDENCE:.0%}"


def size(count: int) -> str:
    """A number of bytes in GB or MB (powers of ten)."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _decimals(value: float, count: int) -> int:
    return max(0, count - 1 - floor(log10(abs(value)))) if value else 0
