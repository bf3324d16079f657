"""A folder, whole or not at all."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final

from accel_runtime.durable.failure import explained
from accel_runtime.durable.locks import lock
from accel_runtime.durable.siblings import sibling, siblings
from accel_runtime.durable.system import exchange, rename_new, sync_folder, sync_tree
from accel_runtime.errors import AccelError, WriteError

# Entered with a folder around the moment at which it is replaced; raises where it must stay.
Replacing = Callable[[Path], AbstractContextManager[object]]

_APPEARED: Final = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


@contextmanager
def write_folder(target: Path, *, replacing: Replacing | None = None) -> Iterator[Path]:
    """A folder to fill; it takes the name ``target`` when the block ends well, and vanishes when it does not.

    At every moment, and after a loss of power, ``target`` is what it was or what it shall be: on Linux the two change
    places at once; elsewhere the old one is put aside first, and back by the next writer if we are killed in between.
    A link is followed. One process at a time writes; what killed ones left is removed.

    Args:
        target: Where the result shall lie.
        replacing: For what lies there already; asked now and when the block ends. None replaces nothing.

    Raises:
        WriteError: Something must stay there, somebody else writes it, or it cannot be written.
    """
    real = Path(os.path.realpath(target))
    with explained(target):
        real.parent.mkdir(parents=True, exist_ok=True)
    with lock(real):
        with explained(target):
            _recover(real, replacing)
        _refuse(real, replacing)
        partial = sibling(real, "partial")
        try:
            with explained(target, aside=partial):
                partial.mkdir()
                yield partial
                sync_tree(partial)
                _put(partial, real, replacing=replacing)
                sync_folder(real.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def put_aside(target: Path) -> Path | None:
    """Where the folder ``target`` lies if a killed process had put it aside; None where it is in its place."""
    real = Path(os.path.realpath(target))
    if os.path.lexists(real):
        return None
    try:
        return max(siblings(real, "old"), key=_changed, default=None)
    except OSError:  # nor is there a folder around it that can be read
        return None


def _recover(target: Path, replacing: Replacing | None) -> None:
    """Take up what killed writers left; as we hold the lock, none of it is in use."""
    for partial in siblings(target, "partial"):
        shutil.rmtree(partial, ignore_errors=True)
    aside = put_aside(target)
    if aside is not None:
        rename_new(aside, target)
    if replacing is not None:
        for old in siblings(target, "old"):
            with suppress(AccelError), replacing(old):
                _discard(old, target)


def _refuse(target: Path, replacing: Replacing | None) -> None:
    """Say now what would only be found when all is written."""
    if not os.path.lexists(target):
        return
    if replacing is None:
        raise WriteError(f"{target}: exists already: choose another name")
    with replacing(target):
        pass


def _put(partial: Path, target: Path, *, replacing: Replacing | None) -> None:
    if replacing is None or not os.path.lexists(target):
        _put_new(partial, target)
        return
    with replacing(target):
        if not exchange(partial, target):
            _put_instead(partial, target)


def _put_new(partial: Path, target: Path) -> None:
    try:
        rename_new(partial, target)
    except OSError as error:
        if error.errno in _APPEARED:
            raise WriteError(f"{target}: somebody else made it meanwhile: choose another name") from error
        raise


def _put_instead(partial: Path, target: Path) -> None:
    """Replace a folder in two steps, where the file system cannot do it in one."""
    old = sibling(target, "old")
    try:
        target.rename(old)
        rename_new(partial, target)
    except BaseException:
        _put_back(old, target)
        raise
    _discard(old, target)


def _discard(old: Path, target: Path) -> None:
    """Remove an old folder; what cannot be removed is left to the next writer."""
    rest = sibling(target, "partial")
    with suppress(OSError):
        # Half removed it is no old one any more, and must not be taken for one.
        old = old.rename(rest)
    shutil.rmtree(old, ignore_errors=True)


def _put_back(old: Path, target: Path) -> None:
    if not old.exists():
        return
    try:
        rename_new(old, target)
    except OSError as error:
        raise WriteError(
            f"{target}: cannot be put back: {error.strerror}: the old one is at {old}, rename it yourself"
        ) from error


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns
