"""Errors of measuring, beside those of the runtime."""

from accel_runtime.errors import AccelError


class RegressionError(AccelError):
    """A plan is slower than an earlier record allows."""


class PromiseError(AccelError):
    """A measured figure misses what a profile promises."""


class PeerError(AccelError):
    """Other software that is measured beside ours could not do its part."""


class NoConfigError(AccelError):
    """No config of a profile meets a request."""


class InfeasibleError(AccelError):
    """Nothing that a search tried meets its goal."""


class StoppedError(AccelError):
    """Interrupted work that goes on where it was."""

    exit_code = 130


class OutputError(AccelError):
    """Results cannot be written to stdout."""
