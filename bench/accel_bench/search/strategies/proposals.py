"""What the default strategy proposes: at each number of deep calls, the few plans worth a model call."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import msgspec
from msgspec import UNSET, UnsetType

from accel_bench.plans.families import moved, power_plans, uniform
from accel_bench.records.search import Goal
from accel_bench.search.goal import allows, rank
from accel_bench.search.space import FEWER, Answer, Candidate, Space, distinct, first_budgets
from accel_bench.solving.segments import DeepCalls, Solver, forecast_of
from accel_runtime.plans.deep_calls import FULL
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.plans.tome import Tome

# Strengths are known no better than that.
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Proposals:
    """Plans that a calibration prices, without another model call.

    Attributes:
        solvers: Solvers by number of steps; empty where calls may not be shallow.
        predict: Seconds of one image of a candidate.
        baseline_s: Seconds of one image of the baseline.
    """

    space: Space
    solvers: Mapping[int, Solver]
    predict: Callable[[Candidate], float]
    baseline_s: float

    def first(self, goal: Goal) -> tuple[Candidate, ...]:
        """Every uncached run, and plans of a few numbers of deep calls, spread evenly over the speed-ups.

        Where the goal bounds speed, the most deep calls that are fast enough are among them, and one less in case a
        timing disappoints.
        """
        found = [*self.space.uncached(), *(rival.candidate for rival in self.space.rivals), *self.space.rules]
        for steps in self.solvers:
            for branch in self.space.branches:
                found += (each for deep in self._budgets(steps, branch, goal) for each in self.at(steps, deep, branch))
        return distinct(found)

    def cost(self, candidate: Candidate) -> tuple[object, ...]:
        """The properties that competing candidates share."""
        spec = candidate.spec
        kind = FEWER if candidate.family == FEWER else spec.steps
        decided = (spec.rule.most_deep, self.predict(candidate)) if spec.rule else None
        same = (spec.guided_calls, spec.tome_of(0), spec.tgate or None)
        return kind, self._deep(candidate), len(spec.rows), spec.branch, *same, decided

    def at(self, steps: int, deep: int, branch: int) -> Iterator[Candidate]:
        """Plans of one number of deep calls: solved ones, and the uniform or power plan with the least price.

        What was calibrated is the first branch; plans of others reuse its placements, and are judged like all.
        """
        placed = self.solvers[steps].placements
        yield self._made("solved", steps, placed(Forecast.HOLD)[deep], branch, forecast=Forecast.HOLD)
        yield self._made("solved", steps, placed(None)[deep], branch, forecast=None)
        yield self._rival(steps, deep, branch)

    def between(self, goal: Goal, answers: Sequence[Answer]) -> tuple[Candidate, ...]:
        """Plans halfway between the best that meets the goal and the next that does not; none between neighbours.

        With a bound on speed there is nothing between: the most deep calls that are fast enough were proposed at first.
        """
        edge = self._edge(goal, answers)
        if edge is None:
            return ()
        halfway = (edge.enough + edge.short) // 2
        return () if halfway in (edge.enough, edge.short) else self._in_chain(edge.chain, halfway)

    def promising(self, goal: Goal, answers: Sequence[Answer]) -> Candidate | None:
        """The candidate whose deep calls are worth moving; None where there is none.

        With a bound on speed it is the best that meets the goal. Without one it is the best of one deep call less than
        meet it: made good enough, it is the faster choice.
        """
        if goal.bounds_speed:
            met = (answer.candidate for answer in rank(goal, answers, baseline_s=self.baseline_s))
            return next((each for each in met if each.spec.deep != FULL and _is_placed(each.spec)), None)
        edge = self._edge(goal, answers)
        if edge is None or edge.short == edge.enough:
            return None
        below = [each for each in answers if _Chain.of(each.candidate) == edge.chain]
        short = [each for each in below if self._deep(each.candidate) == edge.short]
        return min(short, key=lambda each: each.quality.distance).candidate if short else None

    def near(self, candidate: Candidate) -> Iterator[Candidate]:
        """The candidate with one deep call moved; solved strengths are solved again."""
        spec = candidate.spec
        steps = spec.steps or self.space.steps
        forecast = None if spec.weights else spec.forecast
        for deep in moved(self.space.deep_calls(candidate), self.space.calls[steps]):
            made = self._made("moved", steps, deep, spec.branch, forecast=forecast)
            yield _Chain.of(candidate).holding(made)

    def _edge(self, goal: Goal, answers: Sequence[Answer]) -> "_Edge | None":
        """Where the goal stops being met; None where speed is bounded or calls may not be shallow."""
        if goal.bounds_speed or not self.solvers:
            return None
        chain = self._chain_of_best(goal, answers)
        steps = chain.steps or self.space.steps
        if steps not in self.solvers:
            return None
        same = [each for each in answers if _Chain.of(each.candidate) == chain and _is_placed(each.candidate.spec)]
        tried = [(self._deep(each.candidate), allows(goal, each.quality)) for each in same]
        enough = min((deep for deep, allowed in tried if allowed), default=self.space.calls[steps])
        short = max((deep for deep, _ in tried if deep < enough), default=1)
        return _Edge(chain, enough, short)

    def _deep(self, candidate: Candidate) -> int:
        return len(self.space.deep_calls(candidate))

    def _chain_of_best(self, goal: Goal, answers: Sequence[Answer]) -> "_Chain":
        """The chain of the best candidate that meets the goal; where no cached one does, that below the baseline."""
        plain = [each for each in answers if _is_placed(each.candidate.spec)]
        cached = [each for each in plain if each.candidate.spec.scheduler is None]
        met = rank(goal, cached, baseline_s=self.baseline_s)
        if met and met[0].candidate.spec.deep != FULL:
            return _Chain.of(met[0].candidate)
        return _Chain(None, self.space.branches[0], None)

    def _in_chain(self, chain: "_Chain", deep: int) -> tuple[Candidate, ...]:
        plain = self.at(chain.steps or self.space.steps, deep, chain.branch)
        return distinct([chain.holding(candidate) for candidate in plain])

    def _budgets(self, steps: int, branch: int, goal: Goal) -> list[int]:
        calls = self.solvers[steps].calls
        found = set(first_budgets(calls))
        if goal.bounds_speed:
            limit = goal.slowest(self.baseline_s)
            fast = [deep for deep in range(1, calls) if self._seconds(steps, deep, branch) <= limit]
            found = {deep for deep in found if not fast or deep <= max(fast)} | set(fast[-2:])
        return sorted(found - {0, calls})

    def _seconds(self, steps: int, deep: int, branch: int) -> float:
        plan = uniform(self.solvers[steps].calls, deep)
        return self.predict(self._made("uniform", steps, plan, branch, forecast=Forecast.HOLD))

    def _rival(self, steps: int, deep: int, branch: int) -> Candidate:
        """The best of what is known without solving where calls run deep, by its price."""
        solver = self.solvers[steps]
        families = {"uniform": [uniform(solver.calls, deep)], "power": list(power_plans(solver.calls, deep))}
        rivals = [
            (family, plan, each) for family, plans in families.items() for plan in plans for each in solver.prices
        ]
        family, plan, forecast = min(rivals, key=lambda rival: solver.price(rival[1], rival[2]))
        return self._made(family, steps, plan, branch, forecast=forecast)

    def _made(self, family: str, steps: int, deep: DeepCalls, branch: int, *, forecast: Forecast | None) -> Candidate:
        """A plan with a built-in forecast, or with solved strengths where that is None."""
        if forecast is not None:
            return self.space.candidate(family, steps, deep=deep, branch=branch, forecast=forecast)
        solver = self.solvers[steps]
        weights = forecast_of(deep, solver.calls, strengths=solver.strengths(deep))
        rounded = {call: _rounded(row) for call, row in weights.items()}
        return self.space.candidate(family, steps, deep=deep, branch=branch, weights=rounded)


def _is_placed(spec: PlanSpec) -> bool:
    """Whether the plan differs from others in nothing but which calls are deep, and how features are made."""
    return not spec.rows and not spec.rule


def _rounded(weights: tuple[float, ...]) -> tuple[float, ...]:
    """Weights that still sum to 1."""
    if len(weights) == 1:
        return weights
    older = tuple(round(weight, _DIGITS) for weight in weights[1:])
    return (round(1 - sum(older), _DIGITS), *older)


@dataclass(frozen=True, slots=True)
class _Chain:
    """Candidates that differ in their deep calls alone."""

    steps: int | None
    branch: int
    guided_calls: tuple[int, int] | None
    tome: Tome | UnsetType = UNSET
    tgate: int | UnsetType = UNSET

    @classmethod
    def of(cls, candidate: Candidate) -> Self:
        spec = candidate.spec
        return cls(spec.steps, spec.branch, spec.guided_calls, spec.tome, spec.tgate)

    def holding(self, candidate: Candidate) -> Candidate:
        """The candidate with the guided calls, the merged tokens and the gate of this chain."""
        spec = msgspec.structs.replace(candidate.spec, guided_calls=self.guided_calls)
        return replace(candidate, spec=spec.with_tome(self.tome).with_gate(self.tgate))


@dataclass(frozen=True, slots=True)
class _Edge:
    """Numbers of deep calls in a chain: the fewest that keep the goal, and the most that were tried below."""

    chain: _Chain
    enough: int
    short: int
