"""The default strategy: judge what a calibration proposes, then go on where the goal is met.

It judges by successive halving over batches of prompts (Jamieson and Talwalkar, arXiv:1502.07943), and ends with a
local search on real pictures: one deep call is moved at a time, and stays where that helps.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace

from accel_bench.records.search import Goal
from accel_bench.search.space import FULL, Answer, Ask, Candidate, Proposer, Round, Unsolved, distinct
from accel_bench.search.strategies.proposals import Proposals
from accel_bench.search.strategies.skips import Skips

# Batches that a move is judged on; the end is judged on all.
_JUDGED_ON = 2

# What one image of a candidate costs; candidates of the same cost compete.
Cost = Callable[[Candidate], Hashable]
Near = Callable[[Candidate], Iterable[Candidate]]


def solve(proposals: Proposals, goal: Goal, *, skips: Skips | None = None, batches: int, moves: int = 0) -> Proposer:
    """Halve the first proposals, then survivors with less guidance, merged tokens or gated calls, then what is between.

    Args:
        proposals: Plans of deep and shallow calls.
        goal: Goal of the search.
        skips: Plans with skipped calls; None where no call may be skipped.
        batches: Batches that survivors are judged on.
        moves: Number of plans with one moved call to run from each promising plan.
    """
    found: dict[str, Answer] = {}
    asked: set[Unsolved] = set()

    def note(answers: list[Answer]) -> None:
        found.update({answer.candidate.id: answer for answer in answers})

    def new(proposed: Iterable[Unsolved], *, moves: int = 0) -> tuple[Unsolved, ...]:
        """What was not asked for yet, with moves; now it is."""
        fresh = tuple(dict.fromkeys(each for part in proposed if (each := replace(part, moves=moves)) not in asked))
        asked.update(fresh)
        return fresh

    def between() -> Round:
        while True:
            answers = list(found.values())
            fresh = proposals.between(goal, answers)
            unsolved = new(skips.between(goal, answers) if skips else ())
            if not fresh and not unsolved:
                return answers
            note((yield from halve(fresh, batches=batches, cost=proposals.cost, unsolved=unsolved)))

    unsolved = new(skips.first(goal) if skips else ())
    note((yield from halve(proposals.first(goal), batches=batches, cost=proposals.cost, unsolved=unsolved)))
    plain = [FULL, *(answer.candidate for answer in found.values())]
    guided = distinct([each for candidate in plain for each in proposals.space.guided(candidate)])
    note((yield from halve(guided, batches=batches, cost=proposals.cost)))
    merged = distinct([each for candidate in plain for each in proposals.space.merged(candidate)])
    note((yield from halve(merged, batches=batches, cost=proposals.cost)))
    gated = distinct([each for candidate in plain for each in proposals.space.gated(candidate)])
    note((yield from halve(gated, batches=batches, cost=proposals.cost)))
    answers = yield from between()
    while skips and moves and (better := new(skips.promising(goal, answers), moves=moves)):
        note(list((yield Ask((), batches, better))))
        answers = yield from between()
    climbed: set[str] = set()
    while moves and not skips and (start := proposals.promising(goal, answers)) is not None and start.id not in climbed:
        ends = yield from climb(start, near=proposals.near, moves=moves, batches=batches)
        climbed |= {start.id, *(end.candidate.id for end in ends)}
        note(ends)
        answers = yield from between()


def halve(candidates: Sequence[Candidate], *, batches: int, cost: Cost, unsolved: tuple[Unsolved, ...] = ()) -> Round:
    """Judge all on one batch; of those of the same cost, the better half on two, and so on.

    The last round is on all batches. It keeps at least one candidate of every cost. What is unsolved is solved, and is
    a candidate from then on.

    Returns:
        The answers of the last round.
    """
    judged_on, left = 1, tuple(candidates)
    if not left and not unsolved:
        return []
    while True:
        answers = list((yield Ask(left, judged_on, unsolved)))
        if judged_on >= batches:
            return answers
        left, unsolved = _better_half(answers, cost=cost), ()
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


def climb(start: Candidate, *, near: Near, moves: int, batches: int) -> Round:
    """Go from a candidate to the first better one near it, and on, until none is or enough were run.

    Args:
        start: First candidate.
        near: Neighbours of a candidate.
        moves: Number of candidates to run besides.
        batches: Batches that the last candidate is judged on.

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
