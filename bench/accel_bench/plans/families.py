"""Placements of deep calls that need no measuring: even ones, DeepCache's power plans, all at one end."""

from collections.abc import Iterator
from math import copysign

import numpy as np

from accel_runtime.errors import InputError

# The set that DeepCache searched (arXiv:2312.00858, appendix on non-uniform 1:N).
POWER_CENTERS = (0, 5, 10, 15, 20, 25)
POWER_EXPONENTS = (1.1, 1.2, 1.3, 1.4, 1.5, 1.6)
_EXPONENT_STEP = 0.02
# Distances by which `moved` moves a deep call.
_MOVES = (-1, 1, -2, 2)


def uniform(calls: int, deep: int) -> tuple[int, ...]:
    """Evenly spread deep calls: the 1:N rule where one has that many, else the nearest to it.

    Args:
        calls: UNet calls of the schedule.
        deep: Number of deep calls.

    >>> uniform(10, 4), uniform(10, 6)
    ((0, 3, 6, 9), (0, 1, 3, 5, 6, 8))
    """
    _check(calls, deep)
    for interval in range(1, calls + 1):
        if -(-calls // interval) == deep:
            return tuple(range(0, calls, interval))
    return tuple(index * calls // deep for index in range(deep))


def power(calls: int, deep: int, *, center: float, exponent: float) -> tuple[int, ...] | None:
    """DeepCache's non-uniform plan: dense around a call, sparser by a power of the distance from it.

    Evenly spaced points between the signed roots of the schedule's two ends are raised to the power again and cut to
    whole calls. Where several fall on one call, the exponent is lowered by 0.02 until they are ``deep`` different ones.

    Args:
        calls: UNet calls of the schedule.
        deep: Number of deep calls.
        center: The call around which deep ones are dense.
        exponent: How fast deep calls become sparser; more than 1.

    Returns:
        The deep calls, or None where no exponent above 1 has so many.
    """
    _check(calls, deep)
    while exponent > 1:
        roots = np.linspace(_signed(-center, 1 / exponent), _signed(calls - center, 1 / exponent), deep + 1)
        inner = [int(_signed(float(root), exponent) + center) for root in roots[1:-1]]
        placed = tuple(dict.fromkeys((0, *inner)))
        if len(placed) == deep:
            return placed
        exponent -= _EXPONENT_STEP
    return None


def _signed(value: float, exponent: float) -> float:
    """The power of the absolute value, with the sign kept."""
    return copysign(abs(value) ** exponent, value)


def power_plans(calls: int, deep: int) -> Iterator[tuple[int, ...]]:
    """DeepCache's search set, each plan once; centres are scaled to the schedule, as they were made for 50 calls."""
    seen = set()
    for center in POWER_CENTERS:
        for exponent in POWER_EXPONENTS:
            plan = power(calls, deep, center=center * calls / 50, exponent=exponent)
            if plan is not None and plan not in seen:
                seen.add(plan)
                yield plan


def deep_first(calls: int, deep: int) -> tuple[int, ...]:
    """All deep calls at the start."""
    _check(calls, deep)
    return tuple(range(deep))


def deep_last(calls: int, deep: int) -> tuple[int, ...]:
    """The first call, which must be deep, and all others at the end."""
    _check(calls, deep)
    return (0, *range(calls - deep + 1, calls))


def moved(deep: tuple[int, ...], calls: int) -> Iterator[tuple[int, ...]]:
    """Plans with one deep call moved by one or two; the first stays.

    >>> list(moved((0, 3), 5))
    [(0, 2), (0, 4), (0, 1)]
    """
    for at in range(1, len(deep)):
        for move in _MOVES:
            place = deep[at] + move
            if 0 < place < calls and place not in deep:
                yield tuple(sorted({*deep[:at], place, *deep[at + 1 :]}))


def _check(calls: int, deep: int) -> None:
    if not 1 <= deep <= calls:
        raise InputError(f"plan: expected 1 to {calls} deep calls, got {deep}")
