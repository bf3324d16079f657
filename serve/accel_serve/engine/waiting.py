"""The queue: bounded, by priority, and fair between clients."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import Event as Flag

from accel_serve.engine.order import Order, Tell


@dataclass(slots=True, eq=False)
class Ticket:
    """An order in the engine.

    Attributes:
        order: What to draw.
        tell: Is told of it.
        number: Counts the orders.
        came: When it came, by `time.monotonic`.
        gone: Whether the client went away.
        began: When its first image was begun; None before.
        unbegun: How many images are not begun.
        unfinished: How many images are not done.
        has_ended: Whether its client was told the last of it.
    """

    order: Order
    tell: Tell
    number: int
    came: float = field(default_factory=time.monotonic)
    gone: Flag = field(default_factory=Flag)
    began: float | None = None
    unbegun: int = 0
    unfinished: int = 0
    has_ended: bool = False

    def __post_init__(self) -> None:
        self.unbegun = self.unfinished = self.order.request.images

    @property
    def expires(self) -> float:
        """When its time is up, by `time.monotonic`."""
        return math.inf if self.order.deadline_s is None else self.came + self.order.deadline_s


class Waiting:
    """Tickets with images that are not begun. It has no lock: whoever shares it brings one."""

    def __init__(self) -> None:
        self._tickets: list[Ticket] = []
        self._turns: dict[str, int] = {}
        self._turn = 0

    @property
    def images(self) -> int:
        """How many images wait."""
        return sum(ticket.unbegun for ticket in self._tickets)

    def __iter__(self) -> Iterator[Ticket]:
        return iter(tuple(self._tickets))

    def put(self, ticket: Ticket) -> None:
        """Let a ticket wait."""
        self._tickets.append(ticket)

    def remove(self, ticket: Ticket) -> None:
        """Forget a ticket, whether it waits or not."""
        if ticket in self._tickets:
            self._tickets.remove(ticket)

    def next(self, running: Mapping[str, int], fits: Callable[[Ticket], bool]) -> Ticket | None:
        """The ticket whose image is begun next, with one image fewer to begin; None where none may be.

        1. Lower priority numbers go first.
        2. Then the client with the fewest images in the running batch.
        3. Then the client whose last turn is longest ago, and of its tickets the oldest.

        Args:
            running: How many images of each client are being drawn.
            fits: Whether a ticket's image may be begun now.
        """
        able = [ticket for ticket in self._tickets if fits(ticket)]
        if not able:
            return None
        chosen = min(able, key=lambda ticket: self._rank(ticket, running))
        self._turn += 1
        self._turns[chosen.order.client] = self._turn
        chosen.unbegun -= 1
        if not chosen.unbegun:
            self._tickets.remove(chosen)
        # Clients that are not here are not remembered, so what is kept is bounded by the queue.
        here = {ticket.order.client for ticket in self._tickets} | running.keys() | {chosen.order.client}
        self._turns = {client: turn for client, turn in self._turns.items() if client in here}
        return chosen

    def _rank(self, ticket: Ticket, running: Mapping[str, int]) -> tuple[int, int, int, int]:
        client = ticket.order.client
        return ticket.order.priority, running.get(client, 0), self._turns.get(client, 0), ticket.number


def by_client(tickets: Iterable[Ticket]) -> Counter[str]:
    """How many images each client has, where ``tickets`` has one entry for each image."""
    return Counter(ticket.order.client for ticket in tickets)
