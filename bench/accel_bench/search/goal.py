"""What a search is for, what meets it, and what comes nearest where nothing does."""

from collections.abc import Sequence
from math import inf

import msgspec

from accel_bench.quality.loss import Quality, Score
from accel_bench.quality.psnr import psnr
from accel_bench.search.space import Answer
from accel_runtime.errors import InputError


class Goal(msgspec.Struct, frozen=True):
    """Bounds; those that are None do not bind.

    Without a bound on speed, the fastest candidate within the others is wanted; with one, the candidate that changes
    the pictures least.

    Attributes:
        score: What the loss is of.
        max_loss: (S_base - S) / S_base at most.
        speedup: T_base / T at least.
        seconds: Of one image, at most.
        min_psnr: In dB, against the baseline's pictures.
        max_feature_distance: From them.
    """

    score: Score
    max_loss: float | None = None
    speedup: float | None = None
    seconds: float | None = None
    min_psnr: float | None = None
    max_feature_distance: float | None = None

    def __post_init__(self) -> None:
        if self.speedup is not None and self.seconds is not None:
            raise InputError("--req-speedup and --req-time: expected one of them, got both")
        bounds = (("--req-speedup", self.speedup), ("--req-time", self.seconds), ("--min-psnr", self.min_psnr))
        for option, value in bounds:
            if value is not None and not value > 0:
                raise InputError(f"{option}: expected a number above 0, got {value:g}")
        if self.max_loss is not None and not -1 <= self.max_loss <= 1:
            raise InputError(f"--req-score-loss: expected a share such as 0.05, got {self.max_loss:g}")
        if self.max_feature_distance is not None and not self.max_feature_distance >= 0:
            raise InputError(f"--max-feature-distance: expected 0 or more, got {self.max_feature_distance:g}")

    @property
    def bounds_speed(self) -> bool:
        """Whether some speed is required."""
        return self.speedup is not None or self.seconds is not None

    def slowest(self, baseline_s: float) -> float:
        """The most seconds that an image may take; infinite where speed is not bounded."""
        if self.seconds is not None:
            return self.seconds
        return inf if self.speedup is None else baseline_s / self.speedup

    def allows(self, quality: Quality) -> bool:
        """Whether the pictures are good enough."""
        return (
            (self.max_loss is None or quality.loss <= self.max_loss)
            and (self.min_psnr is None or quality.psnr is None or quality.psnr >= self.min_psnr)
            and (self.max_feature_distance is None or quality.feature_distance <= self.max_feature_distance)
        )

    def meets(self, answer: Answer, baseline_s: float) -> bool:
        """Whether a candidate is good and fast enough."""
        return self.allows(answer.quality) and answer.seconds <= self.slowest(baseline_s)

    def rank(self, answers: Sequence[Answer], baseline_s: float) -> list[Answer]:
        """Those that meet the goal, the most wanted first."""
        met = [answer for answer in answers if self.meets(answer, baseline_s)]
        if self.bounds_speed:
            return sorted(met, key=lambda answer: (answer.quality.distance, answer.seconds))
        return sorted(met, key=lambda answer: (answer.seconds, answer.quality.distance))

    def nearest(self, answers: Sequence[Answer], baseline_s: float) -> str:
        """What stands in the way, where no candidate meets the goal."""
        fast = [answer for answer in answers if answer.seconds <= self.slowest(baseline_s)]
        good = [answer for answer in answers if self.allows(answer.quality)]
        told = []
        if fast and self.bounds_speed:
            best = min(fast, key=self._missed)
            told.append(f"{self._speed()} needs {self._lost(best.quality)}")
        elif self.bounds_speed:
            quickest = min(answers, key=lambda answer: answer.seconds)
            told.append(f"the fastest reaches {_reached(quickest, baseline_s)} with {self._lost(quickest.quality)}")
        if good:
            quickest = min(good, key=lambda answer: answer.seconds)
            told.append(f"within {self._bounds()} the best is {_reached(quickest, baseline_s)}")
        elif not self.bounds_speed:
            best = min(answers, key=lambda answer: answer.quality.distance)
            told.append(f"the best has {self._lost(best.quality)} at {_reached(best, baseline_s)}")
        return "; ".join(told)

    def _missed(self, answer: Answer) -> float:
        """What is least for the candidate that is nearest to being allowed."""
        return answer.quality.loss if self.max_loss is not None else answer.quality.distance

    def _speed(self) -> str:
        return f"{self.speedup:.2f}×" if self.speedup is not None else f"{self.seconds:.3g} s"

    def _lost(self, quality: Quality) -> str:
        words = [f"a loss of {quality.loss:.2%}" if self.max_loss is not None else ""]
        if self.min_psnr is not None:
            decibels = psnr([quality.squared_error])
            words.append("no lower PSNR" if decibels is None else f"{decibels:.1f} dB")
        if self.max_feature_distance is not None:
            words.append(f"a feature distance of {quality.feature_distance:.4f}")
        return " and ".join(word for word in words if word) or "no bound on quality"

    def _bounds(self) -> str:
        words = [f"{self.max_loss:.2%}" if self.max_loss is not None else ""]
        words.append(f"{self.min_psnr:g} dB" if self.min_psnr is not None else "")
        words.append(f"distance {self.max_feature_distance:g}" if self.max_feature_distance is not None else "")
        return " and ".join(word for word in words if word)


def _reached(answer: Answer, baseline_s: float) -> str:
    return f"{baseline_s / answer.seconds:.2f}× ({answer.seconds:.3g} s)"


def front(answers: Sequence[Answer]) -> list[Answer]:
    """Those than which no other is as fast and better, or faster and as good, each once; the slowest first."""
    kept: list[Answer] = []
    for answer in sorted(answers, key=lambda answer: (answer.seconds, answer.quality.distance)):
        if not kept or answer.quality.distance < kept[-1].quality.distance:
            kept.append(answer)
    return kept[::-1]
