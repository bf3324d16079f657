"""What the engine is asked to draw, and what it tells while it draws."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_runtime.errors import AccelError, InputError
from accel_runtime.plans.plan import Plan
from accel_runtime.request import Request

# Pictures before the last one cost a run of the decoder each.
MOST_PREVIEWS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """One request in the queue.

    Attributes:
        request: What to draw.
        plan: How.
        client: Whose it is; clients take turns.
        priority: Lower goes first, as in vLLM.
        deadline_s: Seconds from now after which nobody wants it any more; None waits for ever.
        previews: How many pictures of unfinished latents are wanted of each image.

    Raises:
        InputError: The deadline is no time to come, or there are too many previews.
    """

    request: Request
    plan: Plan
    client: str = ""
    priority: int = 0
    deadline_s: float | None = None
    previews: int = 0

    def __post_init__(self) -> None:
        if self.deadline_s is not None and not self.deadline_s > 0:
            raise InputError(f"deadline: expected more than 0 seconds, got {self.deadline_s:g}")
        if not 0 <= self.previews <= MOST_PREVIEWS:
            raise InputError(f"previews: expected 0 to {MOST_PREVIEWS}, got {self.previews}")


@dataclass(frozen=True, slots=True)
class Progress:
    """A call of an image is done."""

    image: int
    call: int
    calls: int


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """What an image looks like so far: its latents, which still have noise, through the decoder."""

    image: int
    number: int
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """An image is done. Pixels: [H, W, 3]."""

    image: int
    seed: int
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Finished:
    """All images of an order are done.

    Attributes:
        queued_s: Seconds until the first of them was begun.
        drawn_s: Seconds from then on.
    """

    queued_s: float
    drawn_s: float


@dataclass(frozen=True, slots=True)
class Failed:
    """There will be no more images of an order."""

    error: AccelError


Event = Progress | Preview | Drawn | Finished | Failed
# Is called by the engine's thread, so it must be quick.
Tell = Callable[[Event], None]
