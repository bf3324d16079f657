"""The process's standard streams: writing that says why it failed, and streams that were closed before the start."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, TextIO

from accel_bench.base.errors import OutputError

_STDERR: Final = 2


def prepare_streams() -> None:
    """Take the standard streams as they are, so that every write is either done or an error.

    Numbers of closed streams are taken first: the next file that is opened would get them, and what a library prints
    would be written into that file. Characters that a stream's encoding lacks are written by their numbers.

    Raises:
        OutputError: There is no stdout.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(number, True)  # noqa: FBT003  # the library's own
    os.close(number)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if sys.stdout is None:
        raise OutputError("stdout: closed: expected somewhere to write results to, such as >/dev/null")


@contextmanager
def results() -> Iterator[TextIO]:
    """Stdout, for results; they are out when the block ends.

    Raises:
        OutputError: It cannot be done, such as on a full disk.
        BrokenPipeError: Nobody reads them any more.
    """
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        abandon(sys.stdout)
        raise
    except OSError as error:
        abandon(sys.stdout)
        raise OutputError(f"stdout: results cannot be written: {error.strerror}") from error


def write_stderr(text: str) -> None:
    """Write what is good to know; where that cannot be written the work goes on."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        abandon(sys.stderr)


def abandon(stream: TextIO) -> None:
    """Let what a stream still holds go nowhere: Python would try once more at exit, and complain."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
