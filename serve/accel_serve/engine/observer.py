"""What an engine says of itself while it works, for whoever counts."""

from typing import Final, Literal, Protocol

from accel_runtime.errors import AccelError
from accel_serve.errors import CancelledError, ClosingError, DeadlineError

Stage = Literal["prepare", "deep", "shallow", "decode", "preview"]
Outcome = Literal["drawn", "cancelled", "late", "failed", "closed"]
Refusal = Literal["full", "closing"]
_OUTCOMES: Final[dict[type[AccelError], Outcome]] = {
    CancelledError: "cancelled",
    DeadlineError: "late",
    ClosingError: "closed",
}


def outcome_of(error: AccelError) -> Outcome:
    """How an order ended that ended with an error."""
    return _OUTCOMES.get(type(error), "failed")


class Observer(Protocol):
    """Is told by the engine's thread, and of refusals by the thread that asks."""

    def ran(self, stage: Stage, seconds: float, *, images: int) -> None:
        """A stage of so many images took so long."""
        ...

    def ended(self, outcome: Outcome) -> None:
        """An order is no longer in the engine."""
        ...

    def refused(self, why: Refusal) -> None:
        """An order was not taken."""
        ...

    def load(self, *, waiting: int, running: int) -> None:
        """How many images wait and are being drawn."""
        ...


class Nobody:
    """Counts nothing."""

    def ran(self, stage: Stage, seconds: float, *, images: int) -> None:
        """See `Observer.ran`."""

    def ended(self, outcome: Outcome) -> None:
        """See `Observer.ended`."""

    def refused(self, why: Refusal) -> None:
        """See `Observer.refused`."""

    def load(self, *, waiting: int, running: int) -> None:
        """See `Observer.load`."""
