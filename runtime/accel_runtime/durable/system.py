"""The system calls that Python lacks, and what stands in for them where a file system lacks them too."""

import ctypes
import errno
import os
from pathlib import Path
from typing import Final

_NOREPLACE: Final = 1
_EXCHANGE: Final = 2
_HERE: Final = -100  # AT_FDCWD: relative paths are relative to the working folder
# An old kernel, or a file system that cannot.
_LACKING: Final = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def rename_new(source: Path, target: Path) -> None:
    """Rename the folder ``source``; fails where ``target`` has appeared.

    Where the file system cannot do that at once, an empty folder at ``target`` is replaced, and nothing else is.
    """
    if not _renamed(source, target, flag=_NOREPLACE):
        if target.is_symlink():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        source.rename(target)


def exchange(first: Path, second: Path) -> bool:
    """Let two paths change places at once; False where the file system cannot."""
    return _renamed(first, second, flag=_EXCHANGE)


def sync_folder(folder: Path) -> None:
    """Write to the disk which names ``folder`` holds."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in _LACKING:
            raise
    finally:
        os.close(opened)


def sync_tree(folder: Path) -> None:
    """Write to the disk all files of ``folder``, then the names of each folder."""
    for parent, _, files in os.walk(folder, topdown=False):
        for name in files:
            path = Path(parent, name)
            if not path.is_symlink():
                sync_file(path)
        sync_folder(Path(parent))


def sync_file(path: Path) -> None:
    """Write the content of the file at ``path`` to the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _renamed(source: Path, target: Path, *, flag: int) -> bool:
    """Whether the kernel and the file system have the rename of ``flag``; if they have, it was done."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(_HERE, os.fsencode(source), _HERE, os.fsencode(target), flag) == 0:
        return True
    code = ctypes.get_errno()
    if code in _LACKING:
        return False
    raise OSError(code, os.strerror(code), str(source), None, str(target))
