"""Errors of the bench; those of the runtime are in `accel_runtime.errors`."""

from accel_runtime.errors import AccelError


class RegressionError(AccelError):
    """A plan is slower than an earlier record allows."""


class PromiseError(AccelError):
    """A measured figure misses what a profile promises."""


class PeerError(AccelError):
    """Other software that is measured beside ours failed."""


class NoConfigError(AccelError):
    """No config of a profile meets a request."""


class InfeasibleError(AccelError):
    """No plan that a search tried meets its goal."""


class StoppedError(AccelError):
    """Interrupted work, which the same command resumes."""

    exit_code = 130


class OutputError(AccelError):
    """Results cannot be written to stdout."""
