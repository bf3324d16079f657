"""The tables of one scheduler as bytes that say whether they are whole.

32 bytes of SHA-256, then what it is the hash of: an xz stream of a schedule file (the runtime's `schedules.file`). Its
metadata also has ``content`` (the key that they were made for) and ``skipped`` (why step counts have no table, in
JSON). Tables are numbers that repeat: xz makes an eighth of them.
"""

import hashlib
import json
import lzma
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from accel_runtime.errors import BundleError
from accel_runtime.schedules.file import ScheduleFile, encode_schedules
from accel_runtime.schedules.schedule import ScheduleTable

_DIGEST_BYTES: Final = 32
# Fixed, so that equal tables are equal files.
_PRESET: Final = 9


@dataclass(frozen=True, slots=True)
class TableSet:
    """What was compiled of one scheduler.

    Attributes:
        tables: Whole ones, then those that start in the middle.
        skipped: Why there is no table, by step count, where diffusers itself fails.
        memoryless: See `ScheduleFile`.
    """

    tables: tuple[ScheduleTable, ...]
    skipped: Mapping[int, str]
    memoryless: bool

    def only(self, steps: Iterable[int]) -> "TableSet":
        """The part for some of the step counts."""
        wanted = frozenset(steps)
        tables = tuple(table for table in self.tables if table.steps in wanted)
        return TableSet(tables, {count: why for count, why in self.skipped.items() if count in wanted}, self.memoryless)


def encode_entry(made: TableSet, *, key: str) -> bytes:
    """The bytes of at least one table, for the content that ``key`` stands for."""
    metadata = {
        "order": "1",  # every file wants one; a bundle's says the scheduler's own
        "memoryless": "yes" if made.memoryless else "no",
        "content": key,
        "skipped": json.dumps(made.skipped),
    }
    packed = lzma.compress(encode_schedules(made.tables, metadata=metadata), check=lzma.CHECK_NONE, preset=_PRESET)
    return hashlib.sha256(packed).digest() + packed


def decode_entry(data: bytes, *, key: str, path: Path) -> TableSet:
    """The tables of an entry's bytes.

    Args:
        data: Bytes that `encode_entry` made.
        key: Key of the content that they must have been made for.
        path: Path for messages.

    Raises:
        BundleError: They are damaged, or were made for other content.
    """
    digest, packed = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if hashlib.sha256(packed).digest() != digest:
        raise BundleError(f"{path}: damaged: its hash is not the one it begins with")
    try:
        file = ScheduleFile.decode(lzma.decompress(packed), path)
        skipped = {int(count): str(why) for count, why in json.loads(file.metadata["skipped"]).items()}
    except (lzma.LZMAError, KeyError, ValueError) as error:
        raise BundleError(f"{path}: no entry of schedule tables: {error}") from error
    if file.metadata.get("content") != key:
        raise BundleError(f"{path}: holds tables of other content, {file.metadata.get('content')!r}")
    return TableSet(file.all_tables(), skipped, file.memoryless)
