"""Small made-up pictures: coloured discs on transparency."""

import numpy as np

from accel_training.pictures import Picture

_LABELS = ("red apple", "orange", "ant", "whale", "tulip")


def make_pictures() -> tuple[Picture, ...]:
    return tuple(_disc(label, shade=40 * index) for index, label in enumerate(_LABELS))


def _disc(label: str, *, shade: int) -> Picture:
    y, x = np.mgrid[:256, :256] - 127.5
    inside = x**2 + y**2 < 120**2
    rgba = np.zeros((256, 256, 4), dtype=np.uint8)
    rgba[..., :3] = (shade, 255 - shade, 128)
    rgba[..., 3] = 255 * inside
    return Picture(label, ("thing", "round"), "food-fruit", rgba)
