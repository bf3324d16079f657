"""Statistics of a few samples that assume nothing about their distribution."""

from collections.abc import Sequence
from itertools import accumulate
from math import comb, sqrt
from statistics import median, stdev

import msgspec

CONFIDENCE = 0.95


class Spread(msgspec.Struct, frozen=True):
    """A summary of samples.

    Attributes:
        low: Lower end of the median's confidence interval.
        high: Upper end of that interval.
        confidence: Confidence of the interval: 0.95 or a little more, or less where samples are too few.
        p90: 90th percentile; nine of ten samples are not above it.
        samples: Number of samples.
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
        values: One sample or more.
        confidence: Confidence to reach. Where even the smallest and the largest sample do not, they are the interval.

    Returns:
        Lower end, upper end, and the confidence that the median lies between them.

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
    """The smallest value that at least ``share`` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-len(ordered) * share // 1) - 1))]


def standard_error(values: Sequence[float]) -> float | None:
    """The standard error of the mean of ``values``; None where there are fewer than two.

    >>> standard_error([1.0, 3.0]), standard_error([1.0])
    (1.0, None)
    """
    return stdev(values) / sqrt(len(values)) if len(values) > 1 else None


def ratios(baseline: Sequence[float], other: Sequence[float]) -> list[float]:
    """Speed-ups round by round: a slow moment of the machine slows both sides of a round."""
    return [slow / fast for slow, fast in zip(baseline, other, strict=True)]


def median_ratio(baseline: Sequence[float], other: Sequence[float]) -> float:
    """The median of all rounds' ratios, which tables show as the speed-up."""
    return median(ratios(baseline, other))


def width(values: Sequence[float]) -> float:
    """Half of the median's interval over the median; infinite where samples are too few for an interval."""
    low, high, confidence = median_interval(values)
    return (high - low) / 2 / median(values) if confidence >= CONFIDENCE else float("inf")


def times(spread: Spread) -> str:
    """A spread of speed-ups as text."""
    return f"{spread.median:.2f}× [{spread.low:.2f} – {spread.high:.2f}]"
