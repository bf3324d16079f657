"""A fixed piece of work; its time tells how fast the machine is right now."""

from time import perf_counter
from typing import Final

import numpy as np

_SIZE: Final = 1024
# The first try wakes threads that slept.
_TRIES: Final = 5
FLOPS: Final = 2 * _SIZE**3


def yardstick_s() -> float:
    """Seconds of one float32 product of two 1024×1024 matrices by numpy with all threads: the best of a few tries."""
    matrix = np.ones((_SIZE, _SIZE), np.float32)
    seconds = []
    for _ in range(_TRIES):
        started = perf_counter()
        matrix @ matrix
        seconds.append(perf_counter() - started)
    return min(seconds)
