"""Buffers and bindings that outlive the request they were made for."""

from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Idle(Generic[T]):
    """Things that one caller at a time works with, kept for the next that asks for the same.

    A graph that was captured is replayed on the addresses it was captured on, so what a request binds is worth
    keeping. Two callers at a time never get the same thing.

    Args:
        keep: How many idle things stay; the one that is idle longest goes first.

    >>> idle = Idle[str](keep=1)
    >>> idle.take("size")
    >>> idle.give_back("size", "made")
    >>> idle.take("size")
    'made'
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._things: list[tuple[Hashable, T]] = []
        self._lock = Lock()

    def take(self, key: Hashable) -> T | None:
        """An idle thing of that key; None where there is none."""
        with self._lock:
            for at, (known, thing) in enumerate(self._things):
                if known == key:
                    del self._things[at]
                    return thing
        return None

    def give_back(self, key: Hashable, thing: T) -> None:
        """It is no longer worked with."""
        with self._lock:
            self._things.append((key, thing))
            del self._things[: -self._keep or None]
