"""Local search on real pictures: one deep call is moved at a time, and stays where that helps."""

from collections.abc import Callable, Iterable, Iterator

from accel_bench.search.candidate import Answer, Ask, Candidate, Round
from accel_bench.search.solved import DeepCalls

# How far a deep call is moved.
_MOVES = (-1, 1, -2, 2)
# Batches that a move is judged on; the end is judged on all.
_JUDGED_ON = 2

Near = Callable[[Candidate], Iterable[Candidate]]


def moved(deep: DeepCalls, calls: int) -> Iterator[DeepCalls]:
    """Plans with one deep call moved by one or two; the first stays.

    >>> list(moved((0, 3), 5))
    [(0, 2), (0, 4), (0, 1)]
    """
    for at in range(1, len(deep)):
        for move in _MOVES:
            place = deep[at] + move
            if 0 < place < calls and place not in deep:
                yield tuple(sorted({*deep[:at], place, *deep[at + 1 :]}))


def climb(start: Candidate, *, near: Near, moves: int, batches: int) -> Round:
    """Go from a candidate to the first better one near it, and on, until none is or enough were run.

    Args:
        start: Where to begin.
        near: What may be gone to.
        moves: How many candidates are run besides.
        batches: That the end is judged on.

    Returns:
        The answer of the end.
    """
    judged_on = min(_JUDGED_ON, batches)
    (best,) = yield Ask((start,), judged_on)
    seen = {start.id}
    better: Answer | None = best
    while better is not None:
        best, better = better, None
        for candidate in near(best.candidate):
            if candidate.id in seen or len(seen) > moves:
                continue
            seen.add(candidate.id)
            (answer,) = yield Ask((candidate,), judged_on)
            if answer.quality.distance < best.quality.distance:
                better = answer
                break
    return list((yield Ask((best.candidate,), batches)))
