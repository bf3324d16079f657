"""A second process for independent parts of an export."""

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
    """Start another Python process that does one task after the other; None where none is wanted.

    It is started, not forked: torch's threads do not survive a fork.
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
    """End the helper when the export is killed; otherwise it would continue to write."""
    parent = parent_process()
    assert parent is not None  # noqa: S101 - this is a helper

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    Thread(target=watch, daemon=True).start()


class Task(Generic[T]):
    """A task for the helper. It is done here if the helper has not begun it."""

    def __init__(self, helper: Executor, work: Callable[[], T]) -> None:
        self._work = work
        self._future: Future[T] = helper.submit(work)
        self._is_here = False

    def take_back(self) -> None:
        """Let `result` do the task here, unless the helper has begun it."""
        self._is_here = self._future.cancel()

    def result(self) -> T:
        """The result of the task.

        Raises:
            ExportError: The helper is gone; and whatever the work raised.
        """
        if self._is_here:
            return self._work()
        try:
            return self._future.result()
        except BrokenProcessPool as error:
            raise ExportError("the export's second process was killed: is memory short? try --jobs 1") from error
