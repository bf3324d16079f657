"""One more process for the parts of an export that do not wait for each other."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread
from typing import Generic, TypeVar

from accel_runtime.errors import ExportError

T = TypeVar("T")


@contextmanager
def helper_process(*, wanted: bool) -> Iterator[Executor | None]:
    """Another Python process that takes one task after the other; None where none is wanted.

    It starts anew, not as a copy: torch's threads do not survive a fork.
    """
    if not wanted:
        yield None
        return
    pool = ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"), initializer=_end_with_parent)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _end_with_parent() -> None:
    """A killed export takes its helper with it: nobody else would, and it would go on writing."""
    parent = parent_process()
    assert parent is not None  # noqa: S101 - this is a helper

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    Thread(target=watch, daemon=True).start()


class Task(Generic[T]):
    """Work that the helper does, or that is done here if the helper has not come to it."""

    def __init__(self, helper: Executor, work: Callable[[], T]) -> None:
        self._work = work
        self._future: Future[T] = helper.submit(work)
        self._is_here = False

    def take_back(self) -> None:
        """Let `result` do it here, unless the helper has begun."""
        self._is_here = self._future.cancel()

    def result(self) -> T:
        """What the work returned.

        Raises:
            ExportError: The helper is gone; and whatever the work raised.
        """
        if self._is_here:
            return self._work()
        try:
            return self._future.result()
        except BrokenProcessPool as error:
            raise ExportError("the export's second process was killed: is memory short? try --jobs 1") from error
