"""Peak signal-to-noise ratio from squared errors; needs no image library, so that any record can be summarised."""

from collections.abc import Sequence
from math import log10

_PEAK = 255.0  # the largest value of a pixel


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
