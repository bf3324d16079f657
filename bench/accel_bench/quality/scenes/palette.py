"""The colours that scenes are drawn in and read by."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from accel_bench.quality.scenes.scene import Colour, Ground

Rgb: TypeAlias = tuple[int, int, int]

OBJECTS: Final[Mapping[Colour, Rgb]] = {
    Colour.RED: (222, 30, 38),
    Colour.ORANGE: (246, 130, 10),
    Colour.YELLOW: (245, 220, 15),
    Colour.GREEN: (30, 165, 45),
    Colour.CYAN: (15, 195, 205),
    Colour.BLUE: (30, 70, 225),
    Colour.PURPLE: (140, 35, 215),
    Colour.PINK: (245, 45, 160),
}
# Less saturated than any object, even where the object is striped or lit.
GROUNDS: Final[Mapping[Ground, Rgb]] = {
    Ground.SAND: (214, 196, 160),
    Ground.GRASS: (128, 150, 108),
    Ground.SNOW: (232, 238, 243),
    Ground.WOOD: (158, 128, 102),
    Ground.STONE: (150, 152, 157),
    Ground.ASPHALT: (66, 68, 74),
}
