"""One file, whole or not at all."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from accel_runtime.durable.failure import explained
from accel_runtime.durable.flock import lock_opened
from accel_runtime.durable.siblings import is_partial, sibling, siblings
from accel_runtime.durable.system import sync_folder
from accel_runtime.errors import WriteError

# Gone meanwhile, a folder, or somebody else's.
_NOT_OURS: Final = (errno.ENOENT, errno.EISDIR, errno.EACCES, errno.EPERM)


def write_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a hidden sibling of ``path``, which then takes its name.

    At every moment, and after a loss of power, ``path`` is what it was or what it shall be. A link is replaced: what it
    leads to may be others' too. What killed writers of the same file left is removed.

    Args:
        path: The file; replaced if it is there.
        write: Is given the open file.

    Raises:
        WriteError: It cannot be written; what lay there is untouched, and nothing else is left.
    """
    with explained(path):
        if path.exists() and not path.is_file():
            raise WriteError(f"{path}: expected a file or nothing there, found something else")
        _remove_abandoned(siblings(path, "partial"))
        with _aside(path) as (partial, file):
            write(file)
            file.flush()
            os.fsync(file.fileno())
            partial.replace(path)
        sync_folder(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """`write_file` of ``content``."""
    write_file(path, lambda file: file.write(content))


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, unless they are there.

    Raises:
        WriteError: It cannot be made.
    """
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)


def remove_file(path: Path) -> None:
    """Remove a file; one that is not there is removed already.

    Raises:
        WriteError: It cannot be removed.
    """
    with explained(path):
        path.unlink(missing_ok=True)
        sync_folder(path.parent)


def sweep(folder: Path) -> None:
    """Remove what killed writers left in a folder that only we write to.

    Raises:
        WriteError: It cannot be removed.
    """
    with explained(folder):
        _remove_abandoned(path for path in folder.iterdir() if is_partial(path.name))


@contextmanager
def _aside(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """An open sibling, locked so that others know that its writer lives; the block renames it, or it is removed."""
    while True:
        partial = sibling(path, "partial")
        with partial.open("xb") as file:
            if not _is_kept(file):
                continue
            try:
                yield partial, file
            except BaseException:
                partial.unlink(missing_ok=True)
                raise
            return


def _is_kept(file: BinaryIO) -> bool:
    """Lock a new file; False where another writer took it for abandoned before it was locked."""
    return lock_opened(file.fileno()) != "theirs" and os.fstat(file.fileno()).st_nlink > 0


def _remove_abandoned(partials: Iterable[Path]) -> None:
    """Remove partial files whose writers are dead: nobody holds them."""
    for partial in partials:
        try:
            with partial.open("rb") as file:
                if lock_opened(file.fileno()) == "ours":
                    partial.unlink(missing_ok=True)
        except OSError as error:
            if error.errno not in _NOT_OURS:
                raise
