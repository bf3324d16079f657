"""Which candidates meet the goal of a search, in which order, and which one comes nearest."""

from collections.abc import Sequence

from accel_bench.quality.loss import Quality
from accel_bench.quality.psnr import psnr
from accel_bench.records.search import Goal
from accel_bench.search.space import Answer


def allows(goal: Goal, quality: Quality) -> bool:
    """Whether the pictures are good enough."""
    return (
        (goal.max_loss is None or quality.loss <= goal.max_loss)
        and (goal.min_psnr is None or quality.psnr is None or quality.psnr >= goal.min_psnr)
        and (goal.max_feature_distance is None or quality.feature_distance <= goal.max_feature_distance)
    )


def meets(goal: Goal, answer: Answer, *, baseline_s: float) -> bool:
    """Whether a candidate is good and fast enough."""
    return allows(goal, answer.quality) and answer.seconds <= goal.slowest(baseline_s)


def rank(goal: Goal, answers: Sequence[Answer], *, baseline_s: float) -> list[Answer]:
    """The answers that meet the goal, the best one first."""
    met = [answer for answer in answers if meets(goal, answer, baseline_s=baseline_s)]
    if goal.bounds_speed:
        return sorted(met, key=lambda answer: (answer.quality.distance, answer.seconds))
    return sorted(met, key=lambda answer: (answer.seconds, answer.quality.distance))


def nearest(goal: Goal, answers: Sequence[Answer], *, baseline_s: float) -> str:
    """The reason why no candidate meets the goal."""
    fast = [answer for answer in answers if answer.seconds <= goal.slowest(baseline_s)]
    good = [answer for answer in answers if allows(goal, answer.quality)]
    told = []
    if fast and goal.bounds_speed:
        best = min(fast, key=lambda answer: _missed(goal, answer))
        told.append(f"{_speed(goal)} needs {_lost(goal, best.quality)}")
    elif goal.bounds_speed:
        quickest = min(answers, key=lambda answer: answer.seconds)
        told.append(f"the fastest reaches {_reached(quickest, baseline_s)} with {_lost(goal, quickest.quality)}")
    if good:
        quickest = min(good, key=lambda answer: answer.seconds)
        told.append(f"within {_bounds(goal)} the best is {_reached(quickest, baseline_s)}")
    elif not goal.bounds_speed:
        best = min(answers, key=lambda answer: answer.quality.distance)
        told.append(f"the best has {_lost(goal, best.quality)} at {_reached(best, baseline_s)}")
    return "; ".join(told)


def _missed(goal: Goal, answer: Answer) -> float:
    """Ranking key of candidates that miss the goal: lower is nearer to it."""
    return answer.quality.loss if goal.max_loss is not None else answer.quality.distance


def _speed(goal: Goal) -> str:
    return f"{goal.speedup:.2f}×" if goal.speedup is not None else f"{goal.seconds:.3g} s"


def _lost(goal: Goal, quality: Quality) -> str:
    words = [f"a loss of {quality.loss:.2%}" if goal.max_loss is not None else ""]
    if goal.min_psnr is not None:
        decibels = psnr([quality.squared_error])
        words.append("no lower PSNR" if decibels is None else f"{decibels:.1f} dB")
    if goal.max_feature_distance is not None:
        words.append(f"a feature distance of {quality.feature_distance:.4f}")
    return " and ".join(word for word in words if word) or "no bound on quality"


def _bounds(goal: Goal) -> str:
    words = [f"{goal.max_loss:.2%}" if goal.max_loss is not None else ""]
    words.append(f"{goal.min_psnr:g} dB" if goal.min_psnr is not None else "")
    words.append(f"distance {goal.max_feature_distance:g}" if goal.max_feature_distance is not None else "")
    return " and ".join(word for word in words if word)


def _reached(answer: Answer, baseline_s: float) -> str:
    return f"{baseline_s / answer.seconds:.2f}× ({answer.seconds:.3g} s)"


def front(answers: Sequence[Answer]) -> list[Answer]:
    """The Pareto front: no other answer is as fast and better, or faster and as good. The slowest comes first."""
    kept: list[Answer] = []
    for answer in sorted(answers, key=lambda answer: (answer.seconds, answer.quality.distance)):
        if not kept or answer.quality.distance < kept[-1].quality.distance:
            kept.append(answer)
    return kept[::-1]
