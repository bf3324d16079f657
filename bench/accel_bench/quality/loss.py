"""How good the pictures of a trial are, compared with the baseline's pictures of the same prompts and seeds."""

from collections.abc import Sequence
from math import sqrt
from statistics import mean

import msgspec

from accel_bench.base.stats import standard_error
from accel_bench.quality.psnr import psnr
from accel_bench.records.bounds import LEAST_SCORE
from accel_bench.records.evaluation import Scores
from accel_bench.records.search import Score, scores_by_caption
from accel_runtime.errors import InputError

_WHITE = 255.0


class Quality(msgspec.Struct, frozen=True):
    """The quality of a trial, as means over its pictures.

    Attributes:
        loss: (S_base - S) / S_base of the score; see `judge`.
        loss_error: Its standard error over pictures, paired by seed; None for a single picture.
        squared_error: Mean squared error against the baseline's pixels, in units of 1/255.
        ssim: Structural similarity to the baseline's pictures.
        feature_distance: Feature distance from the baseline's pictures.
        distance: Ranking key: lower is better.
    """

    loss: float
    loss_error: float | None
    squared_error: float
    ssim: float
    feature_distance: float
    distance: float

    @property
    def psnr(self) -> float | None:
        """The peak signal-to-noise ratio in dB; None where no pixel differs."""
        return psnr([self.squared_error])


def judge(scores: Scores, baseline: Scores, score: Score) -> Quality:
    """Compare a trial's scores with the baseline's. Where the baseline has more pictures, the first ones count.

    The loss compares means over pictures. Scores against the baseline are 1 for equal pictures: SSIM itself,
    1 - RMSE/255 of pixels (`psnr`: a loss of 0.05 is 26 dB), and 1 - feature distance.

    Raises:
        InputError: The baseline's mean score is not positive, so no share of it can be lost.
    """
    lost, base = _lost(scores, baseline, score)
    if base < LEAST_SCORE:
        raise InputError(
            f"--score {score}: expected a positive mean of the baseline, got {base:.3g}: take --score psnr"
        )
    squared_error = mean(scores.squared_error)
    loss, error = _share(lost, base)
    distances = {Score.SSIM: 1 - mean(scores.ssim), Score.FEATURE: mean(scores.feature_distance)}
    return Quality(
        loss=sqrt(squared_error) / _WHITE if score is Score.PSNR else loss,
        loss_error=error,
        squared_error=squared_error,
        ssim=mean(scores.ssim),
        feature_distance=mean(scores.feature_distance),
        distance=distances.get(score, squared_error),
    )


def score_loss(scores: Sequence[float], baseline: Sequence[float]) -> tuple[float | None, float | None]:
    """Return the relative loss of the mean score, (S_base - S) / S_base, and its standard error.

    Both are None where S_base is not positive or there are no scores, and the error also for a single picture.

    Args:
        scores: One score per picture.
        baseline: Scores of the baseline's pictures, with the same seeds in the same order.
    """
    base = mean(baseline) if baseline else 0.0
    if base < LEAST_SCORE:
        return None, None
    return _share([before - after for before, after in zip(baseline, scores, strict=True)], base)


def _share(lost: Sequence[float], base: float) -> tuple[float, float | None]:
    """The mean loss of pictures as a share of ``base``, and its standard error.

    The pictures of one seed are alike, so the error of their differences is far smaller than that of either mean. The
    error of the denominator is ignored: it scales the loss and does not shift it.
    """
    error = standard_error(lost)
    return mean(lost) / base, None if error is None else error / base


def _lost(scores: Scores, baseline: Scores, score: Score) -> tuple[Sequence[float], float]:
    """The loss of each picture, and the mean score of the baseline that losses are shares of."""
    if score is Score.SSIM:
        return [1 - value for value in scores.ssim], 1.0
    if score is Score.FEATURE:
        return scores.feature_distance, 1.0
    if score is Score.PSNR:
        return [sqrt(value) / _WHITE for value in scores.squared_error], 1.0
    ours, theirs = (scores_by_caption(each)[score] for each in (scores, baseline))
    return [before - after for before, after in zip(theirs, ours, strict=False)], mean(theirs[: len(ours)])
