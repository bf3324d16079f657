"""The captions that pictures are judged on, as their file and the records hold them."""

from collections.abc import Mapping
from typing import Final

import msgspec

# The backgrounds of the built-in model's training data, in RGB.
COLOURS: Final[Mapping[str, tuple[int, int, int]]] = {
    "red": (222, 66, 72),
    "yellow": (252, 211, 72),
    "green": (86, 184, 118),
    "blue": (74, 136, 226),
    "purple": (146, 102, 214),
    "pink": (248, 164, 200),
    "white": (246, 246, 244),
    "black": (36, 36, 42),
}


class Caption(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A prompt, and what its picture should show.

    Attributes:
        caption: The whole prompt, such as `red apple on a blue background`.
        held_out: Whether training never showed it: this object on this colour, or this shape in this colour.
        label: Name of the object; empty where there are several.
        colour: Colour of the background, a key of `COLOURS`; empty where the background has none of them.
    """

    caption: str
    held_out: bool
    label: str = ""
    colour: str = ""

    def __post_init__(self) -> None:
        if self.colour and self.colour not in COLOURS:
            raise ValueError(f"colour {self.colour!r}: expected one of {', '.join(COLOURS)}")
