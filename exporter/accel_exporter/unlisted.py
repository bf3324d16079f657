"""Files of a bundle's folder that its manifest does not list: whose are they?"""

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

from accel_runtime.base.reading import decode_json, read_document
from accel_runtime.bundle.bundle import unlisted_files
from accel_runtime.errors import BundleError, InputError
from accel_runtime.manifest import MANIFEST_NAME
from accel_runtime.schedules.file import SCHEDULE_SUFFIX, ScheduleFile

TABLES: Final = "schedules"
_HASH_LENGTH: Final = 8


def tables_name(scheduler: str, content: bytes) -> str:
    """The path in a bundle of added tables: of their content, so that no other tables ever have it."""
    return f"{TABLES}/{scheduler}-{hashlib.sha256(content).hexdigest()[:_HASH_LENGTH]}{SCHEDULE_SUFFIX}"


def abandoned_tables(folder: Path, listed: Collection[str]) -> Iterator[str]:
    """Tables that no manifest lists: written or replaced by an add that was killed, and known by name and content."""
    for path in (folder / TABLES).glob(f"*{SCHEDULE_SUFFIX}"):
        file = path.relative_to(folder).as_posix()
        if file not in listed and _is_tables(path, file):
            yield file


def check_only_listed(folder: Path) -> None:
    """Refuse a folder that is no bundle, or holds anything beside one.

    What the manifest lists is taken from it even if this version does not understand the rest: a bundle is also
    exported again because it is damaged.

    Raises:
        InputError: Names a file that is not the bundle's.
    """
    path = folder / MANIFEST_NAME
    if not path.is_file():
        raise InputError(f"{folder}: exists and is not a bundle, so --force does not replace it")
    document = decode_json(read_document(path, error=InputError), dict[str, Any], path=path, error=InputError)
    files = document.get("files")
    listed = set(files if isinstance(files, dict) else ())
    if foreign := unlisted_files(folder, listed | set(abandoned_tables(folder, listed))):
        strange = folder / foreign[0]
        raise InputError(
            f"{strange}: not a file of the bundle, so --force does not replace the folder: move it elsewhere"
        )


def _is_tables(path: Path, file: str) -> bool:
    try:
        content = read_document(path)
        scheduler = ScheduleFile.decode(content, path).scheduler
    except BundleError:
        return False
    return file in (f"{TABLES}/{scheduler}{SCHEDULE_SUFFIX}", tables_name(scheduler, content))
