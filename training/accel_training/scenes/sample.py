"""Random scenes, and where their objects lie."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias, TypeVar

import numpy as np

from accel_bench.quality.scenes.scene import (
    MOST_IN_A_GROUP,
    MOST_OBJECTS,
    Colour,
    Ground,
    Group,
    Light,
    Relation,
    Scene,
    Shape,
    Size,
    Texture,
)

SIZE: Final = 64  # pixels of a picture's side
_Word = TypeVar("_Word", bound=StrEnum)
Pair: TypeAlias = tuple[Colour, Shape]
_Areas: TypeAlias = tuple[tuple[float, float], tuple[float, float]]  # across and down

_MARGIN: Final = 2.0
_SIDES: Final = {Size.SMALL: (11.0, 14.0), Size.LARGE: (19.0, 23.0)}  # pixels
# Height and width of an outline, as parts of the object's side.
OUTLINE: Final = {
    Shape.SPHERE: (1.0, 1.0),
    Shape.CUBE: (1.0, 1.0),
    Shape.CONE: (1.05, 1.0),
    Shape.RING: (1.0, 1.0),
    Shape.PILLAR: (1.3, 0.65),
}
# Objects of one group keep this far apart, in parts of their side; those of two groups may overlap a little.
_APART: Final = 0.12
_OVERLAP: Final = 0.14
_TRIES: Final = 60
_WHOLE: Final = (_MARGIN, SIZE - _MARGIN)

# Pairs that training never shows: every colour and every shape is seen, but not these together.
HELD_OUT: Final[frozenset[Pair]] = frozenset(
    (colour, tuple(Shape)[(3 * number + 1) % len(Shape)]) for number, colour in enumerate(Colour)
)


@dataclass(frozen=True, slots=True)
class Placed:
    """One object of a picture.

    Attributes:
        group: The group that it belongs to, 0 or 1.
        x: Pixels from the left to the middle of its outline.
        y: Pixels from the top.
        height: Pixels.
        width: Pixels.
    """

    group: int
    x: float
    y: float
    height: float
    width: float


def sample_scene(rng: np.random.Generator, *, held_out: bool = False) -> Scene:
    """Return a random scene.

    Args:
        rng: Source of randomness.
        held_out: Whether one of its groups shows a pair of `HELD_OUT`; the other group, or both, show other pairs.
    """
    first_count = int(rng.integers(1, MOST_IN_A_GROUP, endpoint=True))
    second_count = int(rng.integers(1, min(MOST_IN_A_GROUP, MOST_OBJECTS - first_count), endpoint=True))
    counts = (first_count, second_count) if rng.random() < 0.5 else (second_count, first_count)
    new = int(rng.integers(2)) if held_out else None
    groups: list[Group] = []
    for number, count in enumerate(counts):
        taken = groups[0].colour if groups else None
        groups.append(_sample_group(rng, count, taken=taken, held_out=number == new))
    relation, ground, light = _choose(rng, Relation), _choose(rng, Ground), _choose(rng, Light)
    return Scene(groups[0], relation, groups[1], ground, light)


def _sample_group(rng: np.random.Generator, count: int, *, taken: Colour | None, held_out: bool) -> Group:
    pairs = [
        (colour, shape)
        for colour in Colour
        for shape in Shape
        if colour is not taken and ((colour, shape) in HELD_OUT) == held_out
    ]
    colour, shape = pairs[rng.integers(len(pairs))]
    size = Size.SMALL if count > 2 else _choose(rng, Size)
    return Group(count, size, colour, _choose(rng, Texture), shape)


def _choose(rng: np.random.Generator, words: type[_Word]) -> _Word:
    options = tuple(words)
    return options[rng.integers(len(options))]


def place(scene: Scene, rng: np.random.Generator) -> tuple[Placed, ...]:
    """Return where the objects of a scene lie, those farther back first.

    Groups lie on their sides of a line; objects of one group do not touch, those of two groups may overlap a little.
    """
    while True:
        placed = _try_to_place(scene, rng)
        if placed is not None:
            return tuple(sorted(placed, key=lambda each: each.y + each.height / 2))


def _try_to_place(scene: Scene, rng: np.random.Generator) -> list[Placed] | None:
    sides = [float(rng.uniform(*_SIDES[group.size])) for group in scene.groups]
    across = scene.relation in (Relation.LEFT, Relation.RIGHT)
    order = (0, 1) if scene.relation in (Relation.LEFT, Relation.ABOVE) else (1, 0)
    extents = [_extent(group, side, across=across) for group, side in zip(scene.groups, sides, strict=True)]
    least, most = _MARGIN + extents[order[0]], SIZE - _MARGIN - extents[order[1]]
    line = float(rng.uniform(least, most))
    placed: list[Placed] = []
    for number in order:
        span = (_MARGIN, line) if number == order[0] else (line, SIZE - _MARGIN)
        areas = (span, _WHOLE) if across else (_WHOLE, span)
        height, width = (part * sides[number] for part in OUTLINE[scene.groups[number].shape])
        for _ in range(scene.groups[number].count):
            each = _find_room(Placed(number, 0.0, 0.0, height, width), placed, areas, rng=rng)
            if each is None:
                return None
            placed.append(each)
    return placed


def _extent(group: Group, side: float, *, across: bool) -> float:
    height, width = OUTLINE[group.shape]
    return side * (width if across else height)


def _find_room(each: Placed, placed: Sequence[Placed], areas: _Areas, *, rng: np.random.Generator) -> Placed | None:
    """Return the object somewhere in its area, clear of what is placed already; None where no place was found."""
    for _ in range(_TRIES):
        x, y = (
            float(rng.uniform(low + extent / 2, max(low + extent / 2, high - extent / 2)))
            for (low, high), extent in zip(areas, (each.width, each.height), strict=True)
        )
        moved = replace(each, x=x, y=y)
        if all(_is_apart(moved, other) for other in placed):
            return moved
    return None


def _is_apart(one: Placed, other: Placed) -> bool:
    """Whether the boxes of two objects keep their distance, or overlap no more than they may."""
    same = one.group == other.group
    gap = _APART if same else -_OVERLAP
    room_x = (one.width + other.width) / 2 + gap * min(one.width, other.width)
    room_y = (one.height + other.height) / 2 + gap * min(one.height, other.height)
    return abs(one.x - other.x) >= room_x or abs(one.y - other.y) >= room_y
