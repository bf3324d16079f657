"""The standard streams, which may be closed, full or of another encoding."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, TextIO

from accel_bench.base.errors import OutputError

_STDERR: Final = 2


def prepare_streams() -> None:
    """Prepare the standard streams, so that every write either succeeds or is an error.

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
    """Stdout, for results; it is flushed when the block ends.

    Raises:
        OutputError: The results cannot be written, such as on a full disk.
        BrokenPipeError: The reader has gone.
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
    """Write a message to stderr; where that fails, the work goes on without it."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        abandon(sys.stderr)


def write_stderr_unbuffered(text: str) -> None:
    """As `write_stderr`, for a thread that may wait for the reader of a pipe.

    Nothing is held meanwhile that the end of the process needs: Python's own stream is locked while it writes.
    """
    if sys.stderr is None:
        return
    try:
        number = sys.stderr.fileno()
    except (OSError, ValueError):  # no file: a test's
        write_stderr(text)
        return
    rest = text.encode(sys.stderr.encoding, errors="backslashreplace")
    try:
        while rest:
            rest = rest[os.write(number, rest) :]
    except OSError:
        abandon(sys.stderr)


def abandon(stream: TextIO) -> None:
    """Discard what a stream still holds; Python would try to write it again at exit, and complain."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
