"""The default: judge what a calibration proposes, then go on where the goal is met."""

from accel_bench.search.candidate import FULL, Answer, Strategy, distinct
from accel_bench.search.goal import Goal
from accel_bench.search.halving import halve
from accel_bench.search.proposals import Proposals


def solve(proposals: Proposals, goal: Goal, *, batches: int) -> Strategy:
    """Halve the first proposals, then their survivors with guidance on fewer calls, then what lies between.

    Args:
        proposals: From calibrations.
        goal: What is looked for.
        batches: That survivors are judged on.
    """
    found: dict[str, Answer] = {}

    def note(answers: list[Answer]) -> None:
        found.update({answer.candidate.id: answer for answer in answers})

    note((yield from halve(proposals.first(goal), batches=batches, cost=proposals.cost)))
    plain = [FULL, *(answer.candidate for answer in found.values())]
    guided = distinct([each for candidate in plain for each in proposals.space.guided(candidate)])
    note((yield from halve(guided, batches=batches, cost=proposals.cost)))
    while fresh := proposals.between(goal, list(found.values())):
        note((yield from halve(fresh, batches=batches, cost=proposals.cost)))
