"""Who writes to a target, so that nobody else does meanwhile."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from platform import node
from time import monotonic, sleep
from typing import Final

from accel_runtime.durable.failure import explained
from accel_runtime.durable.flock import lock_opened
from accel_runtime.errors import WriteError

# For a lock that others hold for milliseconds.
PATIENCE_S: Final = 30.0
_POLL_S: Final = 0.05
_LONGEST_NAME: Final = 200


@contextmanager
def lock(target: Path, *, patience_s: float = 0.0) -> Iterator[None]:
    """Keep other writers off ``target`` within the block.

    The lock is the kernel's, on the hidden file ``.NAME.lock`` beside the target, and ends with the process. The file
    only says who holds it: one that a killed process left is nobody's, and is taken over and removed.

    Args:
        target: A file or folder; it need not be there.
        patience_s: How long to wait for somebody else's lock.

    Raises:
        WriteError: Somebody else holds it, or there can be no lock.
    """
    path = target.with_name(f".{target.name}.lock")
    with explained(path):
        descriptor = _take(path, target, patience_s=patience_s)
    try:
        yield
    finally:
        _let_go(path, descriptor)


def _take(path: Path, target: Path, *, patience_s: float) -> int:
    until = monotonic() + patience_s
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        owner = lock_opened(descriptor)
        if owner == "ours" and _is_at(path, descriptor):
            _sign(descriptor)
            return descriptor
        name = _signature(descriptor)
        os.close(descriptor)
        if owner == "nobody's":
            path.unlink(missing_ok=True)
            raise WriteError(f"{target}: this file system keeps no locks for files: choose another disk")
        if owner == "theirs" and monotonic() >= until:
            raise WriteError(f"{target}: {name} is writing it: wait until it is done, then try again")
        if owner == "theirs":
            sleep(_POLL_S)


def _let_go(path: Path, descriptor: int) -> None:
    with suppress(OSError):
        if _is_at(path, descriptor):
            path.unlink()
    os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the file that is open still has its name: its last holder may have removed it."""
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False


def _sign(descriptor: int) -> None:
    """Say who we are. On a full disk nobody is told, but the lock holds."""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {node()}, since {datetime.now():%H:%M:%S},\n".encode())


def _signature(descriptor: int) -> str:
    said = os.pread(descriptor, _LONGEST_NAME, 0).decode(errors="replace")
    return said.partition("\n")[0] or "another process"
