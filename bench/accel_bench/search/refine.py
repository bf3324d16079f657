"""Local search around a plan: move one deep call, keep what really gets better."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

DeepCalls = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A plan that is better than all before it.

    Attributes:
        deep_calls: Of the plan.
        error: On all batches.
    """

    deep_calls: DeepCalls
    error: float


def refine(
    deep_calls: DeepCalls,
    *,
    calls: int,
    error: Callable[[DeepCalls, int], float],
    rounds: Sequence[int],
    affordable: Callable[[], bool],
) -> Iterator[Found]:
    """Move single deep calls while that makes real outcomes better, yielding every new best plan, the given one first.

    All neighbours are judged on few batches; the better half of them on more, and so on (successive halving). The best
    survivor replaces the plan if it beats it on all batches, and the search goes on around it.

    Args:
        deep_calls: Where to begin, ascending from call 0.
        calls: UNet calls of the schedule.
        error: Of a plan on the first so many batches.
        rounds: How many batches each halving is judged on, ascending.
        affordable: Asked before every trial: whether the budget lasts for one more.
    """
    best = Found(deep_calls, error(deep_calls, rounds[-1]))
    yield best
    tried = {deep_calls}
    while fresh := [plan for plan in neighbours(best.deep_calls, calls) if plan not in tried]:
        tried.update(fresh)
        survivor = _halve(fresh, error=error, rounds=rounds, affordable=affordable)
        if survivor is None or survivor.error >= best.error:
            return
        best = survivor
        yield best


def _halve(
    plans: Sequence[DeepCalls],
    *,
    error: Callable[[DeepCalls, int], float],
    rounds: Sequence[int],
    affordable: Callable[[], bool],
) -> Found | None:
    """The best plan after halving, judged on all batches; None where the budget ends before."""
    ranked: list[Found] = []
    for batches in rounds:
        ranked = []
        for plan in plans:
            if not affordable():
                return None
            ranked.append(Found(plan, error(plan, batches)))
        ranked.sort(key=lambda found: found.error)
        plans = [found.deep_calls for found in ranked[: ceil(len(ranked) / 2)]]
    return ranked[0]


def neighbours(deep_calls: DeepCalls, calls: int) -> list[DeepCalls]:
    """Every plan with one deep call moved by one or two; as many deep calls, and call 0 stays deep.

    Late moves come first: a trial then shares most of its run with the one before.

    >>> neighbours((0, 2), 4)
    [(0, 3), (0, 1)]
    """
    found: dict[DeepCalls, None] = {}
    for at in range(len(deep_calls) - 1, 0, -1):
        for shift in (2, 1, -1, -2):
            moved = deep_calls[at] + shift
            if 0 < moved < calls and moved not in deep_calls:
                found[tuple(sorted((*deep_calls[:at], moved, *deep_calls[at + 1 :])))] = None
    return list(found)
