"""Files that commands write: refused early, written aside, renamed when complete."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from accel_runtime.errors import InputError


def check_outputs(paths: Sequence[Path], *, force: bool) -> None:
    """Refuse outputs that cannot be written, before any work is done.

    Raises:
        InputError: A path exists and ``force`` is not given, or its folder cannot be written.
    """
    for path in paths:
        if path.is_dir():
            raise InputError(f"{path}: is a folder, expected a file to write")
        if path.exists() and not force:
            raise InputError(f"{path}: exists already: choose another name, or replace it with --force")
        if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
            raise InputError(f"{path}: the folder {path.parent} does not exist or cannot be written")


def write_record(path: Path, record: msgspec.Struct) -> None:
    """Write a record as indented JSON, aside and renamed.

    Raises:
        InputError: The file cannot be written.
    """
    raw = msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"
    write_aside(path, lambda file: file.write(raw))


def write_aside(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a hidden sibling of ``path``, then rename it.

    Raises:
        InputError: The file cannot be written; what lay at ``path`` is untouched.
    """
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        with partial.open("wb") as file:
            write(file)
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
