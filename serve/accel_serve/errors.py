"""Why a request is not drawn, beside what the runtime itself refuses."""

from accel_runtime.errors import AccelError


class QueueFullError(AccelError):
    """There is no place for a request now.

    Attributes:
        retry_after_s: Seconds after which there may be one.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ClosingError(AccelError):
    """The engine is stopping, or has stopped."""


class DeadlineError(AccelError):
    """A request was not done when its time was up."""


class CancelledError(AccelError):
    """Whoever asked for a request does not want it any more."""
