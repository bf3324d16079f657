"""Background colour: a score of the built-in model that is exact and needs no model.

The pictures it was trained on lie on one plain background each, and its captions name the colour.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from accel_bench.records.captions import COLOURS

Name = TypeVar("Name", bound=str)

_FRAME: Final = 2  # pixels; objects keep at least this distance from the edge


def background_colour(image: NDArray[np.uint8]) -> str:
    """Return the name in `COLOURS` that is nearest, in RGB, to the median of the picture's outermost pixels.

    Args:
        image: One picture. Shape: [H, W, 3].
    """
    inner = np.zeros(image.shape[:2], dtype=bool)
    inner[_FRAME:-_FRAME, _FRAME:-_FRAME] = True
    return nearest_colour(np.median(image[~inner], axis=0), COLOURS)


def nearest_colour(tone: NDArray[np.float64], colours: Mapping[Name, Sequence[int]]) -> Name:
    """Return the name of the colour that is nearest to ``tone`` in RGB. Shape: [3]."""
    distances = {name: float(np.square(tone - colour).sum()) for name, colour in colours.items()}
    return min(distances, key=distances.__getitem__)


def colour_accuracy(images: NDArray[np.uint8], expected: tuple[str, ...]) -> float:
    """Return the share of pictures whose background has the expected colour.

    Args:
        images: Shape: [N, H, W, 3].
        expected: N names of `COLOURS`.
    """
    return float(np.mean([background_colour(image) == name for image, name in zip(images, expected, strict=True)]))
