"""How long an image takes the engine, of what it drew last."""

from collections import deque
from typing import Final

_RECENT: Final = 32
# Before any image was drawn.
_GUESS_S: Final = 1.0
_MOST_S: Final = 3600.0


class Pace:
    """Busy seconds for each of the last images, all images of a batch together."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._busy_s = 0.0

    def worked(self, seconds: float, *, done: int) -> None:
        """Note busy time, in which ``done`` images were finished."""
        self._busy_s += seconds
        if done:
            self._recent.extend([self._busy_s / done] * done)
            self._busy_s = 0.0

    @property
    def seconds_per_image(self) -> float:
        """Their mean."""
        return sum(self._recent) / len(self._recent) if self._recent else _GUESS_S

    def retry_after_s(self, images: int) -> float:
        """In how many seconds half of ``images`` are done: at least 1, at most an hour."""
        return min(_MOST_S, max(1.0, images * self.seconds_per_image / 2))
