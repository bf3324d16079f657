"""Where tables are found that were compiled before: in the package, then in the user's cache."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import diffusers

from accel_exporter.schedules.content import COMPILER_VERSION, Content
from accel_exporter.schedules.entry import TableSet, decode_entry, encode_entry
from accel_runtime.base.user_cache import user_cache
from accel_runtime.durable import make_folder, write_bytes
from accel_runtime.errors import BundleError, WriteError

VARIABLE: Final = "ACCEL_SCHEDULES"
OFF: Final = "off"

SHIPPED: Final = Path(__file__).parent / "shipped"
HOLDS_FOR: Final = SHIPPED / "holds-for.json"  # what they were compiled with, and compared with
SHIPPED_STEPS: Final = tuple(range(1, 101))

_SUFFIX: Final = ".tables"


def find(content: Content) -> TableSet | None:
    """The tables for ``content``, or None where they have to be compiled.

    An entry that is damaged or of something else is as good as none.
    """
    if _is_off():
        return None
    # An entry of all step counts serves every part of them.
    is_part = list(content.steps) == sorted(set(content.steps) & set(SHIPPED_STEPS))
    wider = [replace(content, steps=SHIPPED_STEPS)] if is_part and content.steps != SHIPPED_STEPS else []
    for wanted in (*wider, content):
        for folder in _folders():
            found = read(folder, wanted)
            if found is not None:
                return found.only(content.steps)
    return None


def keep(content: Content, made: TableSet) -> None:
    """Put tables into the user's cache; where it cannot be written, they are compiled again next time."""
    if made.tables and not _is_off():
        try:
            write(_cache(), content, made)
        except WriteError:
            return


def read(folder: Path, content: Content) -> TableSet | None:
    """The entry of ``folder`` for ``content``; None where there is none, or a damaged one."""
    path = entry_path(folder, content)
    try:
        return decode_entry(path.read_bytes(), key=content.key, path=path)
    except (OSError, BundleError):
        return None


def write(folder: Path, content: Content, made: TableSet) -> Path:
    """Write an entry, of which a reader sees all or none.

    Raises:
        WriteError: It cannot be written.
    """
    make_folder(folder)
    path = entry_path(folder, content)
    write_bytes(path, encode_entry(made, key=content.key))
    return path


def entry_path(folder: Path, content: Content) -> Path:
    """The file of ``folder`` for ``content``; the short name in it is for people."""
    return folder / f"{content.name}-{content.key}{_SUFFIX}"


def _folders() -> Iterator[Path]:
    holds_for = json.loads(HOLDS_FOR.read_text("utf-8"))
    if diffusers.__version__ in holds_for["diffusers"] and holds_for["compiler"] == COMPILER_VERSION:
        yield SHIPPED
    yield _cache()


def _cache() -> Path:
    versions = f"diffusers-{diffusers.__version__}-compiler-{COMPILER_VERSION}"
    return user_cache("schedules", variable=VARIABLE) / versions


def _is_off() -> bool:
    return os.environ.get(VARIABLE) == OFF
