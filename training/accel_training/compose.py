"""Objects on plain backgrounds: the pictures that everything is trained on."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from accel_bench.records.captions import COLOURS
from accel_training.captions import COLOUR_NAMES, held_out
from accel_training.pictures import Picture

SIZE: Final = 64  # pixels
_MARGIN: Final = 2  # pixels that every object keeps from the edge, so that the background can be measured


@dataclass(frozen=True, slots=True)
class Placement:
    """The placement of objects.

    Attributes:
        scale: Smallest and largest side of an object, as a share of the picture's side.
        drift: Largest distance from the centre in pixels.
        flips: Whether half of the objects are mirrored.
    """

    scale: tuple[float, float]
    drift: int
    flips: bool


ANYWHERE: Final = Placement(scale=(0.78, 0.92), drift=SIZE, flips=True)
CENTRED: Final = Placement(scale=(0.84, 0.90), drift=1, flips=False)


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """N composed pictures.

    Attributes:
        images: Shape: [N, 64, 64, 3], uint8.
        picture: Index of the object. Shape: [N].
        colour: Index of the background in `COLOUR_NAMES`. Shape: [N].
    """

    images: NDArray[np.uint8]
    picture: NDArray[np.int64]
    colour: NDArray[np.int64]


def compose(
    picture: Picture, colour: str, *, rng: np.random.Generator, placement: Placement = ANYWHERE
) -> NDArray[np.uint8]:
    """Return the object at random within its placement on a plain background. Shape: [64, 64, 3]."""
    side = round(SIZE * rng.uniform(*placement.scale))
    centre = (SIZE - side) // 2
    drift = min(placement.drift, centre - _MARGIN)
    left, top = rng.integers(centre - drift, SIZE - side - centre + drift, size=2, endpoint=True)
    # Resized with premultiplied alpha: the colour of transparent pixels must not bleed into the edges.
    cut_out = Image.fromarray(picture.rgba).convert("RGBa").resize((side, side), Image.Resampling.LANCZOS)
    if placement.flips and rng.random() < 0.5:
        cut_out = cut_out.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    object_ = cut_out.convert("RGBA")
    canvas = Image.new("RGBA", (SIZE, SIZE), COLOURS[colour])
    canvas.alpha_composite(object_, (int(left), int(top)))
    return np.asarray(canvas.convert("RGB"))


def make_pool(
    pictures: tuple[Picture, ...],
    per_pair: int,
    *,
    seed: int,
    labels: Container[str] | None = None,
    placement: Placement = ANYWHERE,
) -> Pool:
    """Return ``per_pair`` pictures of every object on every colour but its held-out one.

    Args:
        pictures: All objects. The index of an object decides on its held-out colour.
        per_pair: Number of pictures of each pair.
        seed: Seed of sizes and places, and of the held-out colours.
        labels: Labels of the objects to compose; by default all.
        placement: Placement of the objects.
    """
    rng = np.random.default_rng([seed, 2])
    pairs = [
        (index, colour)
        for index, colour in _pairs(len(pictures), seed=seed)
        if labels is None or pictures[index].label in labels
    ] * per_pair
    images = np.stack([compose(pictures[i], COLOUR_NAMES[c], rng=rng, placement=placement) for i, c in pairs])
    picture, colour = np.array(pairs, dtype=np.int64).T
    return Pool(images, picture, colour)


def make_held_out_pool(pictures: tuple[Picture, ...], *, seed: int) -> Pool:
    """Return one picture of every object on the colour that training never shows it on."""
    rng = np.random.default_rng([seed, 3])
    colour = held_out(len(pictures), seed=seed)
    images = np.stack([compose(p, COLOUR_NAMES[c], rng=rng) for p, c in zip(pictures, colour, strict=True)])
    return Pool(images, np.arange(len(pictures)), colour)


def _pairs(count: int, *, seed: int) -> Iterator[tuple[int, int]]:
    for index, missing in enumerate(held_out(count, seed=seed)):
        yield from ((index, colour) for colour in range(len(COLOUR_NAMES)) if colour != missing)
