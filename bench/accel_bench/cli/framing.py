"""What models of SDXL's kind are told of the picture, as options: `Framing` by the names of diffusers, shortened."""

from typing import Annotated, Any, Final

import typer

from accel_bench.cli.options import PICTURES
from accel_runtime.request import Framing

Pair = tuple[int, int]

_SIZE: Final = "HEIGHT WIDTH"
_CORNER: Final = "TOP LEFT"


def _option(help_: str, *, default: str, metavar: str | None = None) -> Any:
    return typer.Option(help=help_, show_default=default, metavar=metavar, rich_help_panel=PICTURES)


OriginalSize = Annotated[
    Pair | None,
    _option("SDXL: size of the picture before it was cropped.", default="the picture's", metavar=_SIZE),
]
Crop = Annotated[Pair | None, _option("SDXL: where it was cropped.", default="0 0", metavar=_CORNER)]
TargetSize = Annotated[Pair | None, _option("SDXL: size of the crop.", default="the picture's", metavar=_SIZE)]
AestheticScore = Annotated[float | None, _option("SDXL's refiner: how well raters like it.", default="6.0")]
NegativeOriginalSize = Annotated[
    Pair | None,
    _option("The same for what not to draw, with --negative-target-size.", default="--original-size", metavar=_SIZE),
]
NegativeCrop = Annotated[
    Pair | None, _option("With the two negative sizes: their crop.", default="0 0", metavar=_CORNER)
]
NegativeTargetSize = Annotated[
    Pair | None, _option("With --negative-original-size.", default="--target-size", metavar=_SIZE)
]
NegativeAestheticScore = Annotated[float | None, _option("The same for what not to draw.", default="2.5")]


def framing_of(
    *, original_size: Pair | None, crop: Pair | None, target_size: Pair | None, aesthetic_score: float | None
) -> Framing | None:
    """The framing that options ask for; None where they say nothing.

    Raises:
        InputError: No picture has these sizes.
    """
    if (original_size, crop, target_size, aesthetic_score) == (None, None, None, None):
        return None
    return Framing(original_size, crop or (0, 0), target_size, aesthetic_score)
