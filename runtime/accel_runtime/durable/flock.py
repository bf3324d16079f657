"""Locks of the kernel's: on an open file, and gone with the process that opened it, however that ended."""

import errno
import fcntl
from typing import Final, Literal

# Whose the lock is now; a few network file systems keep none.
Owner = Literal["ours", "theirs", "nobody's"]

_HELD: Final = (errno.EWOULDBLOCK, errno.EACCES)
_LACKING: Final = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL)


def lock_opened(descriptor: int) -> Owner:
    """Lock an open file until it is closed, unless somebody else has."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            return "theirs"
        if error.errno in _LACKING:
            return "nobody's"
        raise
    return "ours"
