"""The default: judge what a calibration proposes, then go on where the goal is met."""

from accel_bench.records.search import Goal
from accel_bench.search.candidate import FULL, Answer, Round, Strategy, distinct
from accel_bench.search.strategies.climb import climb
from accel_bench.search.strategies.halving import halve
from accel_bench.search.strategies.proposals import Proposals


def solve(proposals: Proposals, goal: Goal, *, batches: int, moves: int = 0) -> Strategy:
    """Halve the first proposals, then their survivors with guidance on fewer calls, then what lies between.

    Args:
        proposals: From calibrations.
        goal: What is looked for.
        batches: That survivors are judged on.
        moves: How many plans with one deep call moved are run from each promising one.
    """
    found: dict[str, Answer] = {}

    def note(answers: list[Answer]) -> None:
        found.update({answer.candidate.id: answer for answer in answers})

    def between() -> Round:
        while fresh := proposals.between(goal, list(found.values())):
            note((yield from halve(fresh, batches=batches, cost=proposals.cost)))
        return list(found.values())

    note((yield from halve(proposals.first(goal), batches=batches, cost=proposals.cost)))
    plain = [FULL, *(answer.candidate for answer in found.values())]
    guided = distinct([each for candidate in plain for each in proposals.space.guided(candidate)])
    note((yield from halve(guided, batches=batches, cost=proposals.cost)))
    answers = yield from between()
    climbed: set[str] = set()
    while moves and (start := proposals.promising(goal, answers)) is not None and start.id not in climbed:
        ends = yield from climb(start, near=proposals.near, moves=moves, batches=batches)
        climbed |= {start.id, *(end.candidate.id for end in ends)}
        note(ends)
        answers = yield from between()
