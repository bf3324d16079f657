"""Exported folders appear whole or not at all, and replace nothing but a bundle."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accel_exporter.unlisted import check_only_listed
from accel_runtime.durable import PATIENCE_S, lock, write_folder
from accel_runtime.errors import InputError
from accel_runtime.manifest import MANIFEST_NAME


@contextmanager
def staged_folder(target: Path, *, force: bool) -> Iterator[Path]:
    """A folder to fill; it becomes ``target`` when the block ends well, and vanishes when it does not.

    Args:
        target: Path of the result; a link to a bundle is followed.
        force: Replace a bundle at the target. Nothing else is replaced, and no bundle with other files.

    Raises:
        InputError: ``target`` exists.
        WriteError: It is being written, has appeared meanwhile, or cannot be written.
    """
    check_target(target, force=force)
    with write_folder(target, replacing=_replaceable if force else None) as folder:
        yield folder


def check_target(target: Path, *, force: bool) -> None:
    """Refuse a target that must not be replaced; called early, before hours of work.

    Raises:
        InputError: Something lies there already.
    """
    if not target.name:
        raise InputError(f"{target}: expected the name of a folder to make")
    if not os.path.lexists(target):
        return
    if not target.exists():
        raise InputError(f"{target}: is a link that leads nowhere: remove it, or choose another name")
    if not force:
        raise InputError(f"{target}: exists already: choose another name, or replace it with --force")
    check_only_listed(target)


@contextmanager
def _replaceable(bundle: Path) -> Iterator[None]:
    """Keep others from adding to the bundle while it is replaced."""
    check_only_listed(bundle)
    with lock(bundle / MANIFEST_NAME, patience_s=PATIENCE_S):
        check_only_listed(bundle)
        yield
