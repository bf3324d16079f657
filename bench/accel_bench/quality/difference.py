"""Differences of pictures as pictures."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

# Differences are multiplied by this, so that small ones are visible.
GAIN: Final = 4


def difference(images: NDArray[np.uint8], references: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return |images - references| × `GAIN`, clipped at 255.

    Args:
        images: One picture or several. Shape: [..., H, W, 3].
        references: The uncached pictures of the same seeds. Same shape.
    """
    apart = np.abs(images.astype(np.int16) - references)
    shown: NDArray[np.uint8] = np.minimum(GAIN * apart, 255).astype(np.uint8)
    return shown
