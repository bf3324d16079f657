"""Losses of scores, by their definition."""

import pytest

from accel_bench.quality.loss import judge
from accel_bench.records.evaluation import Scores
from accel_bench.records.search import Score
from accel_runtime.errors import InputError

BASE = Scores((0.0, 0.0), (1.0, 1.0), (0.0, 0.0), (80.0, 120.0), (True, True), (30.0, 20.0), (1.0, 0.6))
WORSE = Scores((1.0, 3.0), (0.9, 0.8), (0.1, 0.3), (72.0, 118.0), (True, True), (27.0, 18.0), (0.8, 0.4))


@pytest.mark.parametrize(
    ("score", "loss"),
    [
        (Score.EMOJI_CLIP, (100 - 95) / 100),
        (Score.CLIP, (25 - 22.5) / 25),
        (Score.FACTS, (0.8 - 0.6) / 0.8),
        (Score.SSIM, 0.15),
        (Score.FEATURE, 0.2),
        (Score.PSNR, 2**0.5 / 255),
    ],
)
def test_a_loss_is_of_the_means_over_pictures(score: Score, loss: float) -> None:
    assert judge(WORSE, BASE, score).loss == pytest.approx(loss)


def test_scores_against_the_prompt_do_not_say_which_plan_is_better() -> None:
    lucky = Scores((9.0, 9.0), (0.5, 0.5), (0.9, 0.9), (99.0, 130.0), (True, True))

    assert judge(lucky, BASE, Score.EMOJI_CLIP).loss < 0
    assert judge(lucky, BASE, Score.EMOJI_CLIP).distance > judge(WORSE, BASE, Score.EMOJI_CLIP).distance


def test_fewer_pictures_are_compared_with_the_baselines_of_the_same_seeds() -> None:
    first = Scores((1.0,), (0.9,), (0.1,), (72.0,), (True,))

    assert judge(first, BASE, Score.EMOJI_CLIP).loss == pytest.approx((80 - 72) / 80)
    assert judge(first, BASE, Score.EMOJI_CLIP).loss_error is None


def test_a_baseline_without_anything_to_lose_is_refused() -> None:
    nothing = Scores((0.0,), (1.0,), (0.0,), (-2.0,), (True,))

    with pytest.raises(InputError, match="expected a positive mean of the baseline, got -2: take --score psnr"):
        judge(nothing, nothing, Score.EMOJI_CLIP)
