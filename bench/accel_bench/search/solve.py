"""The best deep calls for every budget, by dynamic programming over segments."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# Costs of the shallow calls between a deep call and the next: the last deep calls, newest first, and the next deep call
# or the number of calls.
SegmentCost = Callable[[tuple[int, ...], int], float]
_State = tuple[int, ...]


def solve(calls: int, *, history: int, cost: SegmentCost) -> dict[int, tuple[int, ...]]:
    """The cheapest deep calls for each number of them.

    A plan's cost is the sum of its segments', and a segment's depends on the last ``history`` deep calls: 1 prices a
    held feature, 2 a linear forecast, 3 a quadratic one. Its state is those calls; for such costs it is exact.

    Args:
        calls: UNet calls of the schedule.
        history: How many deep calls a forecast looks back on.
        cost: Of a segment; infinite where it may not be.

    Returns:
        By number of deep calls; only what has a finite cost. Call 0 is always deep.
    """
    ahead: dict[_State, NDArray[np.float64]] = {}
    follow: dict[_State, NDArray[np.int64]] = {}
    for state in _states_backwards(calls, history):
        ahead[state], follow[state] = _best(state, calls, history=history, cost=cost, ahead=ahead)
    start = (0,)
    finite = [deep for deep in range(1, calls + 1) if np.isfinite(ahead[start][deep])]
    return {deep: _trace(start, deep, calls=calls, history=history, follow=follow) for deep in finite}


def _best(
    state: _State, calls: int, *, history: int, cost: SegmentCost, ahead: dict[_State, NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The cost from a state on, and the next deep call, by number of deep calls from its newest one on."""
    costs = np.full(calls + 1, np.inf)
    nexts = np.full(calls + 1, calls)
    costs[1] = cost(state, calls)
    for following in range(state[0] + 1, calls):
        total = cost(state, following) + ahead[_push(state, following, history)]
        better = total[:-1] < costs[1:]
        costs[1:][better] = total[:-1][better]
        nexts[1:][better] = following
    return costs, nexts


def _states_backwards(calls: int, history: int) -> list[_State]:
    """Every tuple of last deep calls that can be; those with later newest calls first."""
    levels: set[_State] = {(0,)}
    every = set(levels)
    while levels:
        levels = {_push(state, after, history) for state in levels for after in range(state[0] + 1, calls)} - every
        every |= levels
    return sorted(every, key=lambda state: -state[0])


def _push(state: _State, call: int, history: int) -> _State:
    return (call, *state)[:history]


def _trace(
    state: _State, deep: int, *, calls: int, history: int, follow: dict[_State, NDArray[np.int64]]
) -> tuple[int, ...]:
    """The deep calls of the best way from a state on."""
    placed = [state[0]]
    while (following := int(follow[state][deep])) < calls:
        placed.append(following)
        state, deep = _push(state, following, history), deep - 1
    return tuple(placed)
