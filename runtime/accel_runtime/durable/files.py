"""One file, whole or not at all."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from accel_runtime.durable.failure import explained
from accel_runtime.durable.flock import lock_opened
from accel_runtime.durable.siblings import sibling, siblings
from accel_runtime.durable.system import sync_folder
from accel_runtime.errors import WriteError

# Gone meanwhile, a folder, or somebody else's.
_NOT_OURS: Final = (errno.ENOENT, errno.EISDIR, errno.EACCES, errno.EPERM)


def write_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a hidden sibling of ``path``, which then takes its name.

    At every moment, and after a loss of power, ``path`` is what it was or what it shall be. A link is followed. What
    killed writers of the same file left is removed.

    Args:
        path: The file; replaced if it is there.
        write: Is given the open file.

    Raises:
        WriteError: It cannot be written; what lay there is untouched, and nothing else is left.
    """
    with explained(path):
        real = Path(os.path.realpath(path))
        if real.exists() and not real.is_file():
            raise WriteError(f"{path}: expected a file or nothing there, found something else")
        _remove_abandoned(real)
        with _aside(real) as (partial, file):
            write(file)
            file.flush()
            os.fsync(file.fileno())
            partial.replace(real)
        sync_folder(real.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """`write_file` of ``content``."""
    write_file(path, lambda file: file.write(content))


@contextmanager
def _aside(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """An open sibling, locked so that others know that its writer lives; gone with the block."""
    while True:
        partial = sibling(path, "partial")
        with partial.open("xb") as file:
            if not _is_kept(file):
                continue
            try:
                yield partial, file
            finally:
                partial.unlink(missing_ok=True)
            return


def _is_kept(file: BinaryIO) -> bool:
    """Lock a new file; False where another writer took it for abandoned before it was locked."""
    return lock_opened(file.fileno()) != "theirs" and os.fstat(file.fileno()).st_nlink > 0


def _remove_abandoned(path: Path) -> None:
    """Remove siblings whose writers are dead: nobody holds them."""
    for partial in siblings(path, "partial"):
        try:
            with partial.open("rb") as file:
                if lock_opened(file.fileno()) == "ours":
                    partial.unlink(missing_ok=True)
        except OSError as error:
            if error.errno not in _NOT_OURS:
                raise
