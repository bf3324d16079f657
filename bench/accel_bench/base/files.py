"""Files that commands write: checked before any work, then written whole or not at all."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from accel_runtime.durable import write_bytes
from accel_runtime.errors import InputError


def check_outputs(paths: Sequence[Path], *, force: bool) -> None:
    """Refuse outputs that cannot be written, before any work is done.

    Raises:
        InputError: A path exists and ``force`` is not given, or its folder cannot be written.
    """
    for path in paths:
        if path.is_dir():
            raise InputError(f"{path}: is a folder, expected a file to write")
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: expected a file or nothing there, found something else")
        if path.exists() and not force:
            raise InputError(f"{path}: exists already: choose another name, or replace it with --force")
        if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
            raise InputError(f"{path}: the folder {path.parent} does not exist or cannot be written")


def write_record(path: Path, record: msgspec.Struct) -> None:
    """Write a record as indented JSON, whole or not at all.

    Raises:
        WriteError: The file cannot be written.
    """
    write_bytes(path, msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
