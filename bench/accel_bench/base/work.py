"""Work as generators: they yield what was just done, and return what it was for."""

from collections.abc import Generator
from typing import TypeVar

Returned = TypeVar("Returned")


def finish(work: Generator[str, None, Returned]) -> Returned:
    """Run a generator to its end and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Returned = end.value
            return result


def prefixed(what: str, work: Generator[str, None, Returned]) -> Generator[str, None, Returned]:
    """The same work; what it yields says what it is part of."""
    while True:
        try:
            done = next(work)
        except StopIteration as end:
            result: Returned = end.value
            return result
        yield f"{what}: {done}"
