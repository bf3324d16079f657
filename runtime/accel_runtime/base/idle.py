"""What outlives the request it was made for: buffers and bindings, and what was compiled for a set of sizes."""

from collections.abc import Callable, Hashable, Iterator
from threading import Lock
from typing import Final, Generic, TypeVar

T = TypeVar("T")

# Sets of sizes that a graph stays compiled for; each may hold its own copy of the weights.
SIZES_KEPT: Final = 4


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


class UsedLast(Generic[T]):
    """Things that are made once for each key and shared by all callers; those that were used last stay.

    Args:
        keep: How many.

    >>> squares = UsedLast[int](keep=2)
    >>> [squares.get(key, lambda key=key: key * key) for key in (1, 2, 1, 3)]
    [1, 4, 1, 9]
    >>> [*squares]
    [1, 9]
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._things: dict[Hashable, T] = {}
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The thing of that key, made if there is none."""
        with self._lock:
            if key in self._things:
                self._things[key] = self._things.pop(key)
                return self._things[key]
            # First, so that two sets of weights are not there at once where one must go.
            while len(self._things) >= self._keep:
                del self._things[next(iter(self._things))]
            return self._things.setdefault(key, make())

    def __iter__(self) -> Iterator[T]:
        """All that are there, the one used last at the end."""
        return iter(tuple(self._things.values()))
