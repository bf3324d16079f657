"""Answers that are made up, for strategies that never see a model."""

from collections.abc import Callable

from accel_bench.quality.loss import Quality
from accel_bench.search.space import SKIPS, Answer, Ask, Candidate, Proposer, Unsolved
from accel_runtime.plans.deep_calls import parse_deep_calls
from accel_runtime.plans.solved import SolvedRow
from accel_runtime.plans.spec import PlanSpec

Guess = Callable[[Candidate, int], Answer]


def quality(distance: float, *, loss: float = 0.0) -> Quality:
    return Quality(loss, 0.001, squared_error=distance, ssim=1.0, feature_distance=distance / 100, distance=distance)


def answer(name: str, seconds: float, distance: float, *, loss: float = 0.0) -> Answer:
    return Answer(Candidate("made-up", PlanSpec(deep=parse_deep_calls(name))), seconds, quality(distance, loss=loss))


def solved(unsolved: Unsolved) -> Candidate:
    """Calls at the start, the shallow ones last; the weight of the first row tells how many moves were tried."""
    running = range(unsolved.deep + unsolved.shallow)
    spec = PlanSpec(
        deep=tuple(range(unsolved.deep)),
        skip=tuple(range(running.stop, unsolved.steps)),
        rows={call: SolvedRow(a=(1.0,), b=(float(unsolved.moves),)) for call in running},
        scheduler="ddim",
        steps=unsolved.steps,
    )
    return Candidate(SKIPS, spec)


def follow(strategy: Proposer, guess: Guess) -> list[Ask]:
    """Answer a strategy until it ends; returns what it asked."""
    asked = []
    try:
        ask = next(strategy)
        while True:
            asked.append(ask)
            candidates = (*ask.candidates, *map(solved, ask.unsolved))
            ask = strategy.send([guess(candidate, ask.batches) for candidate in candidates])
    except StopIteration:
        return asked
