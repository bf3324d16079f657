"""Squared errors and the peak signal-to-noise ratio, without an image library, so that any record can be made."""

from collections.abc import Sequence
from math import log10

import numpy as np
from numpy.typing import NDArray

_PEAK = 255.0  # the largest value of a pixel


def squared_errors(images: NDArray[np.uint8], references: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return each picture's mean squared error, in units of 1/255.

    Args:
        images: Shape: [N, H, W, 3].
        references: Same shape; the uncached pictures of the same seeds.
    """
    return np.array([np.mean((a.astype(np.float64) - b) ** 2) for a, b in zip(images, references, strict=True)])


def psnr(squared_errors: Sequence[float]) -> float | None:
    """Return 10·log₁₀(255² / mean squared error) in dB; None where no pixel differs.

    The mean over pictures is taken of their squared errors, not of their PSNRs: a single identical picture would
    make the latter infinite, and a cap would be a free parameter. Pass one error for the PSNR of one picture.

    Args:
        squared_errors: Each picture's mean squared error, in units of 1/255.

    >>> round(psnr([65.025]), 9)
    30.0
    """
    mean = sum(squared_errors) / len(squared_errors)
    return 10 * log10(_PEAK**2 / mean) if mean > 0 else None
