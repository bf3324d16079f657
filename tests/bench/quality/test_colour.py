"""The background's colour."""

import numpy as np
import pytest

from accel_bench.quality.colour import background_colour, colour_accuracy
from accel_bench.records.captions import COLOURS


@pytest.mark.parametrize("name", COLOURS)
def test_a_background_is_named_whatever_lies_on_it(name: str) -> None:
    image = np.full((64, 64, 3), COLOURS[name], np.uint8)
    image[8:56, 8:56] = np.random.default_rng(0).integers(0, 256, (48, 48, 3))

    assert background_colour(image) == name


def test_accuracy_is_the_share_that_is_right() -> None:
    images = np.stack([np.full((8, 8, 3), COLOURS[name], np.uint8) for name in ("red", "blue", "pink", "black")])

    assert colour_accuracy(images, ("red", "blue", "pink", "white")) == 0.75
