"""What a scene is, as data and as a caption.

A scene has two groups of alike objects, one relation between them, a ground and a light::

    two small red striped spheres left of a large blue cube on sand, lit from the left

The caption states every attribute, so `parse_caption` gives back the scene that `describe` was given.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from accel_runtime.errors import InputError

FEWEST_OBJECTS: Final = 2
MOST_OBJECTS: Final = 5
MOST_IN_A_GROUP: Final = 4
_COUNTS: Final = ("a", "two", "three", "four")


class Shape(StrEnum):
    """The shapes, which differ in outline."""

    SPHERE = "sphere"
    CUBE = "cube"
    CONE = "cone"
    RING = "ring"
    PILLAR = "pillar"


class Colour(StrEnum):
    """The colours of objects, which differ in hue."""

    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    GREEN = "green"
    CYAN = "cyan"
    BLUE = "blue"
    PURPLE = "purple"
    PINK = "pink"


class Texture(StrEnum):
    """What covers an object; captions leave out `plain`."""

    PLAIN = "plain"
    STRIPED = "striped"
    DOTTED = "dotted"


class Size(StrEnum):
    """How large an object is."""

    SMALL = "small"
    LARGE = "large"


class Relation(StrEnum):
    """Where the first group lies, seen from the second."""

    LEFT = "left of"
    RIGHT = "right of"
    ABOVE = "above"
    BELOW = "below"


class Ground(StrEnum):
    """What the objects lie on; grounds are paler than any object."""

    SAND = "sand"
    GRASS = "grass"
    SNOW = "snow"
    WOOD = "wood"
    STONE = "stone"
    ASPHALT = "asphalt"


class Light(StrEnum):
    """The side that the light comes from."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Group:
    """Objects that are alike.

    Attributes:
        count: Number of objects, 1 to `MOST_IN_A_GROUP`.
    """

    count: int
    size: Size
    colour: Colour
    texture: Texture
    shape: Shape


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that a caption says.

    Raises:
        InputError: It has too few or too many objects, or both groups have one colour.
    """

    first: Group
    relation: Relation
    second: Group
    ground: Ground
    light: Light

    def __post_init__(self) -> None:
        objects = self.first.count + self.second.count
        if not FEWEST_OBJECTS <= objects <= MOST_OBJECTS:
            raise InputError(f"scene: expected {FEWEST_OBJECTS} to {MOST_OBJECTS} objects, got {objects}")
        if self.first.colour is self.second.colour:
            raise InputError(f"scene: expected groups of two colours, got {self.first.colour} twice")

    @property
    def groups(self) -> tuple[Group, Group]:
        """The first and the second group."""
        return self.first, self.second


def describe(scene: Scene) -> str:
    """Return the caption that states every attribute of a scene."""
    groups = f"{describe_group(scene.first)} {scene.relation} {describe_group(scene.second)}"
    return f"{groups} on {scene.ground}, lit from the {scene.light}"


def describe_group(group: Group) -> str:
    """Return the words for a group, such as `two small red striped spheres`."""
    texture = () if group.texture is Texture.PLAIN else (group.texture,)
    plural = "s" if group.count > 1 else ""
    return " ".join([_COUNTS[group.count - 1], group.size, group.colour, *texture, group.shape + plural])


def _one_of(name: str, words: type[StrEnum]) -> str:
    return f"(?P<{name}>{'|'.join(words)})"


def _group_pattern(which: str) -> str:
    count = f"(?P<{which}_count>{'|'.join(_COUNTS)})"
    size, colour = _one_of(f"{which}_size", Size), _one_of(f"{which}_colour", Colour)
    return f"{count} {size} {colour}(?: (?P<{which}_texture>striped|dotted))? {_one_of(f'{which}_shape', Shape)}s?"


_CAPTION: Final = re.compile(
    f"{_group_pattern('first')} {_one_of('relation', Relation)} {_group_pattern('second')}"
    f" on {_one_of('ground', Ground)}, lit from the {_one_of('light', Light)}"
)
_Word = TypeVar("_Word", bound=StrEnum)


def is_caption(text: str) -> bool:
    """Whether `parse_caption` takes a text, but for scenes that it refuses."""
    return _CAPTION.fullmatch(text) is not None


def parse_caption(caption: str) -> Scene:
    """Return the scene that a caption of `describe` states.

    Raises:
        InputError: The caption has another form.
    """
    found = _CAPTION.fullmatch(caption)
    if found is None:
        example = "two small red striped spheres left of a large blue cube on sand, lit from the left"
        raise InputError(f"caption {caption!r}: expected a scene, such as {example!r}")
    words = found.groupdict()

    def word(name: str, kind: type[_Word]) -> _Word:
        return kind(words[name])

    def group(which: str) -> Group:
        return Group(
            count=_COUNTS.index(words[f"{which}_count"]) + 1,
            size=word(f"{which}_size", Size),
            colour=word(f"{which}_colour", Colour),
            texture=Texture(words[f"{which}_texture"] or Texture.PLAIN),
            shape=word(f"{which}_shape", Shape),
        )

    return Scene(
        group("first"), word("relation", Relation), group("second"), word("ground", Ground), word("light", Light)
    )
