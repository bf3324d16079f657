"""Proposes plans with skipped calls, by what their deep and shallow calls cost in seconds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from accel_bench.records.search import Goal
from accel_bench.search.goal import allows, meets
from accel_bench.search.space import SKIPS, Answer, Unsolved, first_budgets
from accel_bench.solving.placement import Priced


@dataclass(frozen=True, slots=True)
class Skips:
    """Placements that a calibration prices, without another model call.

    Attributes:
        placements: By steps: UNet calls of the schedule, and placements by number of deep and shallow calls.
        seconds: Seconds of one image with so many deep and shallow calls.
        baseline_s: Seconds of one image of the baseline.
    """

    placements: Mapping[int, tuple[int, Mapping[tuple[int, int], Priced]]]
    seconds: Callable[[int, int], float]
    baseline_s: float

    def first(self, goal: Goal) -> Iterator[Unsolved]:
        """Plans for a few budgets: without shallow calls, and the best mix of calls that is as fast.

        Where the goal bounds speed, the budget that it allows is among them, and one that is a tenth shorter in case a
        timing disappoints.
        """
        limit = goal.slowest(self.baseline_s)
        for steps, (calls, _) in self.placements.items():
            for deep in first_budgets(calls):
                budget = self.seconds(deep, 0)
                if budget <= limit:
                    yield Unsolved(steps, deep)
                    yield from self.within(steps, budget)
            if goal.bounds_speed:
                for budget in (limit, 0.9 * limit):
                    yield from self.within(steps, budget)

    def between(self, goal: Goal, answers: Sequence[Answer]) -> tuple[Unsolved, ...]:
        """The best plan halfway between the fastest that meets the goal and the next that does not; none if known."""
        if goal.bounds_speed or not self.placements:
            return ()
        short, enough = self._edge(goal, answers)
        if enough is None:
            return ()
        below = short.seconds if short else 0.0
        steps = enough.candidate.spec.steps or next(iter(self.placements))
        known = {_asked(answer) for answer in answers}
        return tuple(each for each in self.within(steps, (below + enough.seconds) / 2) if each not in known)

    def promising(self, goal: Goal, answers: Sequence[Answer]) -> tuple[Unsolved, ...]:
        """What is worth moves and a refinement.

        With a bound on speed it is the best that is fast enough. Without one it is the fastest that meets the goal, and
        the next that does not: made good enough, that is the faster choice.
        """
        ours = [answer for answer in answers if answer.candidate.family == SKIPS]
        if goal.bounds_speed:
            met = [answer for answer in ours if meets(goal, answer, baseline_s=self.baseline_s)]
            best = min(met, key=lambda answer: answer.quality.distance, default=None)
            return () if best is None else (_asked(best),)
        return tuple(dict.fromkeys(_asked(each) for each in self._edge(goal, answers) if each is not None))

    def within(self, steps: int, budget: float) -> Iterator[Unsolved]:
        """The plan of the least price that takes no more seconds; none where none is so fast."""
        _, placements = self.placements[steps]
        fast = {counts: priced.price for counts, priced in placements.items() if self.seconds(*counts) <= budget}
        if fast:
            yield Unsolved(steps, *min(fast, key=fast.__getitem__))

    def _edge(self, goal: Goal, answers: Sequence[Answer]) -> tuple[Answer | None, Answer | None]:
        """The slowest plan that is faster than all that meet the goal, and the fastest that meets it."""
        ours = [answer for answer in answers if answer.candidate.family == SKIPS]
        good = [answer for answer in ours if allows(goal, answer.quality)]
        enough = min(good, key=lambda answer: answer.seconds, default=None)
        limit = enough.seconds if enough else float("inf")
        short = [answer for answer in ours if answer.seconds < limit]
        return max(short, key=lambda answer: answer.seconds, default=None), enough


def _asked(answer: Answer) -> Unsolved:
    spec = answer.candidate.spec
    return Unsolved(spec.steps or 0, len(spec.deep), len(spec.rows) - len(spec.deep))
