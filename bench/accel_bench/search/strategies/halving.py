"""Successive halving over batches of prompts (Jamieson and Talwalkar, arXiv:1502.07943)."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence

from accel_bench.search.candidate import Answer, Ask, Candidate, Round

# What one image of a candidate costs; candidates of the same cost compete.
Cost = Callable[[Candidate], Hashable]


def halve(candidates: Sequence[Candidate], *, batches: int, cost: Cost) -> Round:
    """Judge all on one batch; of those of the same cost, the better half on two, and so on.

    The last round is on all batches. It keeps at least one candidate of every cost.

    Returns:
        The answers of the last round.
    """
    judged_on, left = 1, tuple(candidates)
    if not left:
        return []
    while True:
        answers = list((yield Ask(left, judged_on)))
        if judged_on >= batches:
            return answers
        left = _better_half(answers, cost=cost)
        judged_on = min(2 * judged_on, batches)


def _better_half(answers: Sequence[Answer], *, cost: Cost) -> tuple[Candidate, ...]:
    """Half of each cost's, rounded down but at least one, in the order in which they came."""
    rivals: dict[Hashable, list[Answer]] = defaultdict(list)
    for answer in answers:
        rivals[cost(answer.candidate)].append(answer)
    kept = set()
    for same in rivals.values():
        same.sort(key=lambda answer: answer.quality.distance)
        kept |= {answer.candidate.id for answer in same[: max(1, len(same) // 2)]}
    return tuple(answer.candidate for answer in answers if answer.candidate.id in kept)
