"""A file that only grows, line by line, under the hands of several processes."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from accel_runtime.durable.failure import explained
from accel_runtime.durable.locks import PATIENCE_S, lock
from accel_runtime.durable.system import sync_folder

_BLOCK: Final = 4096


def append_lines(path: Path, lines: bytes) -> None:
    """Append whole lines, all or none of them.

    A last line without its end, which a kill or a loss of power left, is cut off first.

    Args:
        path: The file; made if it is not there.
        lines: Each with its end.

    Raises:
        WriteError: They cannot be written, or somebody else writes for too long.
    """
    with lock(path, patience_s=PATIENCE_S), explained(path):
        is_new = not path.exists()
        with path.open("ab+", buffering=0) as file:
            end = _end_of_lines(file)
            try:
                file.truncate(end)
                _write_all(file, lines)
                os.fsync(file.fileno())
            except BaseException:
                file.truncate(end)
                raise
        if is_new:
            sync_folder(path.parent)


def read_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines from the file's position on; not a last one without its end."""
    for line in file:
        if line.endswith(b"\n"):
            yield line


def _end_of_lines(file: BinaryIO) -> int:
    """Bytes up to the last line's end."""
    position = file.seek(0, os.SEEK_END)
    while position > 0:
        start = max(0, position - _BLOCK)
        file.seek(start)
        found = file.read(position - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0


def _write_all(file: BinaryIO, content: bytes) -> None:
    """A disk that fills up takes a part first, and refuses the rest."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]
