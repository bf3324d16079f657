"""Squared errors and the peak signal-to-noise ratio (PSNR), computed without an image library."""

from collections.abc import Sequence
from math import inf, log10
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from accel_bench.base.stats import standard_error

_PEAK = 255.0  # the largest value of a pixel
_LEAST = 1e-12  # smaller than the error of a picture that differs in one pixel


def squared_errors(images: NDArray[np.uint8], references: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return each picture's mean squared error, in units of 1/255.

    Args:
        images: Shape: [N, H, W, 3].
        references: The uncached pictures of the same seeds. Same shape.
    """
    return np.array([np.mean((a.astype(np.float64) - b) ** 2) for a, b in zip(images, references, strict=True)])


def psnr(squared_errors: Sequence[float]) -> float | None:
    """Return 10·log₁₀(255² / mean squared error) in dB; None where no pixel differs.

    Squared errors are averaged over pictures, not PSNRs: a single identical picture would make their mean infinite,
    and a cap would be a free parameter. Pass one error for the PSNR of one picture.

    Args:
        squared_errors: Each picture's mean squared error, in units of 1/255.

    >>> round(psnr([65.025]), 9)
    30.0
    """
    middle = mean(squared_errors)
    return _decibels(middle) if middle > _LEAST else None


def psnr_interval(squared_errors: Sequence[float], *, errors: float) -> tuple[float, float, float]:
    """The PSNR in dB at the mean squared error, between those at ``errors`` standard errors more and less.

    It is infinite where no pixel differs.

    >>> [round(each, 2) for each in psnr_interval([50.0, 60.0, 70.0], errors=2.0)]
    [29.59, 30.35, 31.27]
    """
    middle = mean(squared_errors)
    error = errors * (standard_error(squared_errors) or 0.0)
    low, centre, high = (_decibels(each) for each in (middle + error, middle, middle - error))
    return low, centre, high


def _decibels(squared_error: float) -> float:
    return 10 * log10(_PEAK**2 / squared_error) if squared_error > _LEAST else inf
