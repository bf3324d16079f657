"""Scores of a plan over all of its pictures, with their uncertainty."""

from collections.abc import Sequence
from statistics import mean

from accel_bench.base.stats import standard_error
from accel_bench.quality.psnr import psnr
from accel_bench.records.evaluation import Scores
from accel_bench.report.charts.plane import Known


def known_psnr(scores: Scores) -> Known | None:
    """The PSNR of the mean squared error, and of its ends; None where no pixel differs, as that is infinite."""
    known = _of_mean(scores.squared_error)
    worst, middle, best = (psnr([value]) for value in (known.high, known.value, known.low))
    if middle is None or worst is None:
        return None
    return Known(middle, worst, middle if best is None else best)


def known_feature_distance(scores: Scores) -> Known:
    """The mean feature distance, and one standard error to either side."""
    return _of_mean(scores.feature_distance)


def known_loss(loss: float, error: float | None) -> Known:
    """The loss in percent, with its standard error where it has one."""
    lost, either = 100 * loss, 100 * (error or 0)
    return Known(lost, lost - either, lost + either)


def _of_mean(values: Sequence[float]) -> Known:
    middle = mean(values)
    error = standard_error(values) or 0.0
    return Known(middle, max(0.0, middle - error), middle + error)
