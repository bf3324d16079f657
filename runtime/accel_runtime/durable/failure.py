"""What the system says when it cannot write, as one line that names the path and the remedy."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from accel_runtime.errors import WriteError

_SAYING: Final = {
    errno.ENOSPC: "no space left on the device: free some, or choose another disk",
    errno.EDQUOT: "the disk quota is used up: free some space, or choose another disk",
    errno.EROFS: "the disk is read-only: choose another one",
    errno.EACCES: "permission denied: change the folder's permissions, or choose another",
    errno.EPERM: "not permitted: change the folder's permissions, or choose another",
}


@contextmanager
def explained(path: Path, *, aside: Path | None = None) -> Iterator[None]:
    """Turn what the system refuses within the block into one line.

    Args:
        path: Path to be written, for the message.
        aside: The folder that is filled meanwhile, where it is one.

    Raises:
        WriteError: Instead of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise WriteError(f"{path}: cannot be written: {_said(error)}{_where(error, aside)}") from error


def _said(error: OSError) -> str:
    return _SAYING.get(error.errno or 0) or error.strerror or str(error)


def _where(error: OSError, aside: Path | None) -> str:
    """Of a folder, which path it was about."""
    if aside is None or not isinstance(error.filename, str):
        return ""
    failed = Path(error.filename)
    return f" ({failed.relative_to(aside) if failed.is_relative_to(aside) else failed})"
