"""What goes wrong in other software, in one line."""

from accel_runtime.errors import AccelError


class PeerError(AccelError):
    """A peer could not do its part."""


def failure(code: int, stderr: str) -> str:
    """How a process ended, and the last thing that it said."""
    ended = f"signal {-code}" if code < 0 else f"exit code {code}"
    last = [line.strip() for line in stderr.splitlines() if line.strip()][-1:]
    return f"it ended with {ended}: {' '.join(last) or 'it said nothing'}"
