"""Plans with a rule as candidates: thresholds are calibrated on pictures that are never judged."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from functools import partial
from math import exp, log
from statistics import mean
from typing import Final

from accel_bench.base.work import prefixed
from accel_bench.records.search import Goal
from accel_bench.search.driver import Driver
from accel_bench.search.space import RULES, Candidate, Space, first_budgets
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.rule import SIGNALS, Rule, Signal
from accel_runtime.plans.spec import PlanSpec

# Signals are shares, summed over calls: thresholds are looked for between these, to 5 %.
_LEAST: Final = 1e-3
_MOST: Final = 100.0
_HALVINGS: Final = 8
_PICTURES: Final = 8
_DIGITS: Final = 4
# A rule may either take twice the calls of its mean, or no more than a static plan would and fewer on average.
_SPARE: Final = 2.0
_SAVED: Final = 0.8


@dataclass(eq=False)
class Counts:
    """How many calls run deep by threshold; a cap only cuts a run's count, so uncapped runs tell all.

    Attributes:
        count: Runs every batch of the calibration at a threshold, without a cap; returns each one's deep calls.
    """

    count: Callable[[float], tuple[int, ...]]
    _known: dict[float, tuple[int, ...]] = field(default_factory=dict)

    def mean(self, threshold: float, most_deep: int) -> float:
        """Deep calls of a picture, on average."""
        if threshold not in self._known:
            self._known[threshold] = self.count(threshold)
        return mean(min(count, most_deep) for count in self._known[threshold])

    def threshold(self, target: float, most_deep: int) -> Generator[str, None, float]:
        """The threshold whose mean is next to ``target`` and not above it, by bisection; yields after each run."""
        low, high = log(_LEAST), log(_MOST)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            found = self.mean(_rounded(middle), most_deep)
            low, high = (middle, high) if found > target else (low, middle)
            yield f"threshold {_rounded(middle):g}: {found:.1f} deep calls"
        return _rounded(high)


def _rounded(logarithm: float) -> float:
    return round(exp(logarithm), _DIGITS)


def rule_candidates(driver: Driver, space: Space, goal: Goal) -> Generator[str, None, tuple[Candidate, ...]]:
    """Calibrate rules of both signals for a few mean numbers of deep calls, yielding what was just done.

    Args:
        driver: Runs the calibration, and keeps what it finds.
        space: Its first number of steps and its first branch are taken.
        goal: Where it bounds speed, the most deep calls that are fast enough are among the means.
    """
    found = []
    for signal in SIGNALS:
        counts = Counts(partial(_count, driver, space, signal))
        for target, most_deep in _budgets(driver, space, goal):
            name = f"{signal}-{target:g}-of-{most_deep}-{space.branches[0]}-{space.steps}"
            spec = driver.store.solved(name)
            if spec is None:
                threshold = yield from prefixed(f"calibrate {name}", counts.threshold(target, most_deep))
                spec = _spec(space, signal, threshold=threshold, most_deep=most_deep)
                driver.store.keep_solved(name, spec, deep=0, shallow=0)
            found.append(Candidate(RULES, spec))
    return tuple(dict.fromkeys(found))


def _budgets(driver: Driver, space: Space, goal: Goal) -> Iterator[tuple[float, int]]:
    """Pairs of a mean and a cap."""
    calls, branch = space.calls[space.steps], space.branches[0]
    budgets = set(first_budgets(calls)[::2])
    if goal.bounds_speed:
        limit = goal.slowest(driver.predict_calls(calls, 0, branch=branch))
        fast = [n for n in range(2, calls) if driver.predict_calls(n, calls - n, branch=branch) <= limit]
        budgets = {budget for budget in budgets if not fast or budget <= max(fast)} | set(fast[-1:])
    for budget in sorted(budgets):
        yield float(budget), min(calls, round(_SPARE * budget))
        yield _SAVED * budget, budget


def _spec(space: Space, signal: Signal, *, threshold: float, most_deep: int) -> PlanSpec:
    rule = Rule(signal=signal, threshold=threshold, most_deep=most_deep)
    return PlanSpec(deep=(0,), rule=rule, branch=space.branches[0], forecast=Forecast.LINEAR)


def _count(driver: Driver, space: Space, signal: Signal, threshold: float) -> tuple[int, ...]:
    plan = driver.plan(_spec(space, signal, threshold=threshold, most_deep=space.calls[space.steps]))
    batches = driver.prompts.calibration[: max(1, _PICTURES // driver.settings.batch)]
    return tuple(driver.count_deep(batch, plan) for batch in batches)
