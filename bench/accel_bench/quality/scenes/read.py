"""Reads a picture of a scene back: which objects are there, where, on what ground. No network is asked.

Objects are more colourful than any ground, and colours differ in hue. So a pixel of an object is known by its
chroma and its colour by its hue; connected pixels of one colour are an object, and its outline tells its shape.
"""

from collections.abc import Mapping
from colorsys import rgb_to_hsv
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from accel_bench.quality.colour import nearest_colour
from accel_bench.quality.scenes.palette import GROUNDS, OBJECTS
from accel_bench.quality.scenes.scene import Colour, Ground, Light, Shape, Size

_CHROMA: Final = 74  # the largest channel less the smallest, of 255; grounds stay under 60
_LEAST_AREA: Final = 30  # pixels; the smallest ring has some 75
_LARGE_SIDE: Final = 16.5  # pixels, between the largest small object and the smallest large one
# Outlines, from what was measured on drawn objects.
_HOLE: Final = 0.07  # of the filled outline
_SLIM: Final = 1.5
_POINTED: Final = 0.62
_SQUARE: Final = 0.845


@dataclass(frozen=True, slots=True)
class SeenObject:
    """An object that was found.

    Attributes:
        x: Pixels from the left to the middle of its box.
        y: Pixels from the top.
        side: The square root of its box's area, in pixels.
        tilt: How much brighter its left half is than its right half, in shares of full brightness.
    """

    colour: Colour
    shape: Shape
    x: float
    y: float
    side: float
    tilt: float

    @property
    def size(self) -> Size:
        """Whether it is small or large."""
        return Size.LARGE if self.side > _LARGE_SIDE else Size.SMALL


@dataclass(frozen=True, slots=True)
class SeenScene:
    """What a picture shows.

    Attributes:
        objects: All that were found, in no order.
    """

    objects: tuple[SeenObject, ...]
    ground: Ground

    @property
    def light(self) -> Light:
        """The side on which objects are brighter."""
        return Light.LEFT if sum(each.tilt for each in self.objects) >= 0 else Light.RIGHT

    def of(self, colour: Colour) -> tuple[SeenObject, ...]:
        """The objects of one colour."""
        return tuple(each for each in self.objects if each.colour is colour)


def read_scene(pixels: NDArray[np.uint8]) -> SeenScene:
    """Read a picture.

    Args:
        pixels: Shape: [H, W, 3]. Objects are as large as in pictures of 64 × 64 pixels.
    """
    from skimage.color import rgb2hsv  # noqa: PLC0415  # an extra brings it
    from skimage.measure import label, regionprops  # noqa: PLC0415

    hsv = rgb2hsv(pixels)
    vivid = np.ptp(pixels.astype(np.int16), axis=-1) > _CHROMA
    nearest = _nearest_hue(hsv[..., 0])
    objects = []
    for number, colour in enumerate(_HUES):
        labels = label(vivid & (nearest == number), connectivity=1)
        found = [region for region in regionprops(labels) if region.area >= _LEAST_AREA]
        objects += [_describe(region, colour, value=hsv[..., 2]) for region in found]
    return SeenScene(tuple(objects), _read_ground(pixels, ~vivid))


def _hue(rgb: tuple[int, int, int]) -> float:
    return rgb_to_hsv(*(channel / 255 for channel in rgb))[0]


_HUES: Final[Mapping[Colour, float]] = {colour: _hue(rgb) for colour, rgb in OBJECTS.items()}


def _nearest_hue(hue: NDArray[np.float64]) -> NDArray[np.int64]:
    """The number of the colour whose hue is nearest, around the circle."""
    distances = np.abs(hue[..., np.newaxis] - np.array(list(_HUES.values())))
    nearest: NDArray[np.int64] = np.argmin(np.minimum(distances, 1 - distances), axis=-1)
    return nearest


def _describe(region: Any, colour: Colour, *, value: NDArray[np.float64]) -> SeenObject:
    top, left, bottom, right = region.bbox
    height, width = bottom - top, right - left
    side = float(np.sqrt(height * width))
    rows, columns = region.coords.T
    is_left = columns < (left + right) / 2
    brightness = value[rows, columns]
    tilt = float(brightness[is_left].mean() - brightness[~is_left].mean()) if 0 < is_left.sum() < len(rows) else 0.0
    return SeenObject(colour, _shape(region), (left + right) / 2, (top + bottom) / 2, side, tilt)


def _shape(region: Any) -> Shape:
    top, left, bottom, right = region.bbox
    height, width = bottom - top, right - left
    mask = region.image_filled
    if 1 - region.area / mask.sum() > _HOLE:
        return Shape.RING
    if height / width > _SLIM:
        return Shape.PILLAR
    third = max(1, height // 3)
    upper, lower = mask[:third].sum(), mask[-third:].sum()
    if upper / lower < _POINTED:
        return Shape.CONE
    return Shape.CUBE if mask.sum() / (height * width) > _SQUARE else Shape.SPHERE


def _read_ground(pixels: NDArray[np.uint8], bare: NDArray[np.bool_]) -> Ground:
    """The ground whose tone is nearest to the median of what no object covers."""
    tone = np.median(pixels[bare], axis=0) if bare.any() else np.zeros(3)
    return nearest_colour(tone, GROUNDS)
