"""Outputs are written beside their place and renamed when complete, so nothing half-made is ever seen."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accel_runtime.errors import AccelError, ExportError, InputError
from accel_runtime.manifest import MANIFEST_NAME


@contextmanager
def staged_folder(target: Path, *, force: bool) -> Iterator[Path]:
    """A folder to fill; it becomes ``target`` when the block ends well, and vanishes when it does not.

    Args:
        target: Where the result shall lie.
        force: Replace a bundle that lies there. Anything else is never replaced.

    Raises:
        InputError: ``target`` exists, or cannot be written.
        ExportError: The disk is full or fails.
    """
    check_target(target, force=force)
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        partial.mkdir()
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}") from error
    try:
        yield partial
        _replace(partial, target)
    except OSError as error:
        raise _explain(error, target) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_target(target: Path, *, force: bool) -> None:
    """Refuse a target that must not be replaced; called early, before hours of work.

    Raises:
        InputError: Something lies there already.
    """
    if not target.name:
        raise InputError(f"{target}: expected the name of a folder to make")
    if not (target.exists() or target.is_symlink()):
        return
    if not force:
        raise InputError(f"{target}: exists already: choose another name, or replace it with --force")
    if not (target / MANIFEST_NAME).is_file():
        raise InputError(f"{target}: exists and is not a bundle, so --force does not replace it")


def _replace(partial: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}.old-{os.getpid()}")
    if target.exists():
        target.rename(old)
    partial.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _remove_abandoned(target: Path) -> None:
    """Remove what killed exports of the same target left behind."""
    pattern = re.compile(re.escape(f".{target.name}.partial-") + r"(\d+)")
    for sibling in target.parent.iterdir():
        match = pattern.fullmatch(sibling.name)
        if match and not _is_running(int(match[1])):
            shutil.rmtree(sibling, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _explain(error: OSError, target: Path) -> AccelError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ExportError(f"{target}: no space left on the device: free some, or export to another disk")
    return ExportError(f"{target}: cannot be written: {error.strerror or error}")
