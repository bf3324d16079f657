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
        path: What is to be written; the line names it, or the file below it that could not be written.
        aside: Where it is written meanwhile.

    Raises:
        WriteError: Instead of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise WriteError(f"{_meant(error, path, aside)}: cannot be written: {_said(error)}") from error


def _said(error: OSError) -> str:
    return _SAYING.get(error.errno or 0) or error.strerror or str(error)


def _meant(error: OSError, path: Path, aside: Path | None) -> Path:
    """The path that failed, by the name that it shall have."""
    if not isinstance(error.filename, str):
        return path
    failed = Path(error.filename)
    return path / failed.relative_to(aside) if aside is not None and failed.is_relative_to(aside) else path
