"""How well the middle of a few samples is known, without a guess at their distribution."""

from collections.abc import Sequence
from itertools import accumulate
from math import comb, sqrt
from statistics import median, stdev

import msgspec

CONFIDENCE = 0.95


class Spread(msgspec.Struct, frozen=True):
    """Some samples in short.

    Attributes:
        low: The lower end of the median's interval.
        high: The upper end.
        confidence: How surely the median lies in between: 0.95 or a little more, less where samples are too few.
        p90: Nine of ten samples are not above it.
        samples: How many there are.
    """

    median: float
    low: float
    high: float
    confidence: float
    p90: float
    samples: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarise ``values``; at least one."""
        low, high, confidence = median_interval(values)
        return cls(median(values), low, high, confidence, p90=quantile(values, 0.9), samples=len(values))


def median_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """The narrowest pair of order statistics around the median that covers it as surely as asked.

    The k-th smallest and k-th largest of n samples miss the median with the probability that a fair coin shows
    fewer than k heads, or fewer than k tails, in n throws (e.g. Hahn and Meeker, Statistical Intervals, 5.2).

    Args:
        values: At least one.
        confidence: What is asked; where even both ends do not give it, they are taken.

    Returns:
        Lower end, upper end, and how surely the median is between them.

    >>> median_interval([1, 2, 3, 4, 5, 6, 7, 8, 9])
    (2, 8, 0.9609375)
    >>> median_interval([3, 1, 2])
    (1, 3, 0.75)
    """
    ordered, count = sorted(values), len(values)
    # below[k]: the probability that fewer than k + 1 of the samples lie below the median
    below = [total / 2**count for total in accumulate(comb(count, heads) for heads in range((count + 1) // 2))]
    wide_enough = [k for k, tail in enumerate(below) if 1 - 2 * tail >= confidence]
    k = max(wide_enough, default=0)
    return ordered[k], ordered[count - 1 - k], max(0.0, 1 - 2 * below[k])


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that ``share`` of all are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-len(ordered) * share // 1) - 1))]


def standard_error(values: Sequence[float]) -> float | None:
    """The standard error of the mean of ``values``; None where there are fewer than two.

    >>> standard_error([1.0, 3.0]), standard_error([1.0])
    (1.0, None)
    """
    return stdev(values) / sqrt(len(values)) if len(values) > 1 else None


def ratios(baseline: Sequence[float], other: Sequence[float]) -> list[float]:
    """How many times faster, round by round, so that a slow moment of the machine meets both sides."""
    return [slow / fast for slow, fast in zip(baseline, other, strict=True)]


def median_ratio(baseline: Sequence[float], other: Sequence[float]) -> float:
    """The middle of all rounds' ratios: the speed-up that tables show."""
    return median(ratios(baseline, other))


def width(values: Sequence[float]) -> float:
    """Half the interval of the median over the median; infinite where the samples are too few for an interval."""
    low, high, confidence = median_interval(values)
    return (high - low) / 2 / median(values) if confidence >= CONFIDENCE else float("inf")


def times(spread: Spread) -> str:
    """A spread of speed-ups as text."""
    return f"{spread.median:.2f}× [{spread.low:.2f} – {spread.high:.2f}]"
