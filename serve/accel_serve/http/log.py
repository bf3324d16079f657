"""The service's log: lines that wait for a thread of their own, so that a slow reader of the log slows nobody else."""

import logging
from collections.abc import Callable
from contextlib import suppress
from queue import Full, Queue
from threading import Lock, Thread
from types import TracebackType
from typing import Final, Self

# Some minutes of a busy service; a line has a few hundred bytes.
_MOST_WAITING: Final = 1000
# What a stop gives to lines that still wait, once for a place in the queue and once for the queue.
_LAST_LINES_S: Final = 1.0


class Log:
    """Takes lines at once, and writes them when their reader takes them; what finds no room is dropped and counted.

    Within a ``with`` block it writes, and Python's own log (of uvicorn, from warnings on) comes here too. Lines of
    before wait for it.

    Args:
        write: Writes a line; may block as long as it likes.
        dropped: Is called for each line that is dropped, by whichever thread says it.
        most_waiting: Lines that may wait.
    """

    def __init__(
        self, write: Callable[[str], None], *, dropped: Callable[[], None], most_waiting: int = _MOST_WAITING
    ) -> None:
        self._write, self._dropped = write, dropped
        self._lines: Queue[str | None] = Queue(most_waiting)
        self._lost, self._lock = 0, Lock()
        self._thread = Thread(target=self._work, name="accel-log", daemon=True)
        self._handler = _Handler(self)

    def __call__(self, line: str) -> None:
        """Take a line; never waits."""
        try:
            self._lines.put_nowait(line)
        except Full:
            with self._lock:
                self._lost += 1
            self._dropped()

    def __enter__(self) -> Self:
        """Begin to write."""
        self._thread.start()
        logging.getLogger().addHandler(self._handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what waits, as far as the reader takes it within two seconds."""
        logging.getLogger().removeHandler(self._handler)
        with suppress(Full):
            self._lines.put(None, timeout=_LAST_LINES_S)
        self._thread.join(_LAST_LINES_S)

    def _work(self) -> None:
        while (line := self._lines.get()) is not None:
            self._tell_lost()
            self._write(line)
        self._tell_lost()

    def _tell_lost(self) -> None:
        with self._lock:
            lost, self._lost = self._lost, 0
        if lost:
            self._write(f"{lost} lines of this log were dropped: its reader did not keep up")


class _Handler(logging.Handler):
    """Hands records of Python's own log to ours, line by line."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        for line in self.format(record).splitlines():
            if line:
                self._log(line)
