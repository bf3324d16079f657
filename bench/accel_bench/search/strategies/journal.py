"""Optuna's journal in a file that several processes append to, and that survives every one of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from optuna.storages.journal import BaseJournalBackend

from accel_runtime.base.reading import decode_json
from accel_runtime.durable import append_lines, read_lines
from accel_runtime.errors import InputError


class Journal(BaseJournalBackend):
    """One JSON object a line, as Optuna's own file backend writes them.

    That one keeps a lock that a killed process never gives back, and cannot read a journal whose last line was cut.

    Args:
        path: The file; made with the first line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = (0, 0)  # so many lines lie in so many bytes

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """The lines from a number on.

        Raises:
            InputError: A line is not an object, or the file cannot be read.
        """
        number, offset = self._read if self._read[0] <= log_number_from else (0, 0)
        try:
            with self._path.open("rb") as file:
                file.seek(offset)
                for line in read_lines(file):
                    number, offset = number + 1, offset + len(line)
                    self._read = number, offset
                    if number > log_number_from:
                        yield self._decode(line, number)
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputError(f"{self._path}: cannot be read: {error.strerror}") from error

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append lines, all or none of them.

        Raises:
            WriteError: They cannot be written.
        """
        append_lines(self._path, b"".join(msgspec.json.encode(log) + b"\n" for log in logs))

    def _decode(self, line: bytes, number: int) -> dict[str, Any]:
        return decode_json(line, dict[str, Any], path=f"{self._path}: line {number}", error=InputError)
