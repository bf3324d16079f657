"""Serve bundles: an engine that draws many requests at once, and OpenAI's Images API on top of it.

>>> from accel_serve import Engine, Order, choose_mode              # doctest: +SKIP
>>> engine = Engine(pipeline, choose_mode(pipeline, most_images=8)) # doctest: +SKIP
>>> for event in engine.draw(Order(request, plan)): ...             # doctest: +SKIP
"""

from accel_serve.engine.engine import Engine, Handle
from accel_serve.engine.mode import Choice, choose_mode, forced_mode
from accel_serve.engine.order import Drawn, Event, Failed, Finished, Order, Preview, Progress
from accel_serve.errors import CancelledError, ClosingError, DeadlineError, QueueFullError

__all__ = [
    "CancelledError",
    "Choice",
    "ClosingError",
    "DeadlineError",
    "Drawn",
    "Engine",
    "Event",
    "Failed",
    "Finished",
    "Handle",
    "Order",
    "Preview",
    "Progress",
    "QueueFullError",
    "choose_mode",
    "forced_mode",
]
