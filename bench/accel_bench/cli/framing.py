"""What models of SDXL's kind are told of the picture, as options: `Framing` by the names of diffusers, shortened."""

from typing import Annotated

import typer

from accel_bench.cli.options import PICTURES
from accel_runtime.request import Framing

Pair = tuple[int, int]

OriginalSize = Annotated[
    Pair | None,
    typer.Option(
        metavar="HEIGHT WIDTH",
        help="SDXL: size of the picture before it was cropped.",
        show_default="the picture's",
        rich_help_panel=PICTURES,
    ),
]
Crop = Annotated[
    Pair | None,
    typer.Option(metavar="TOP LEFT", help="SDXL: where it was cropped.", show_default="0 0", rich_help_panel=PICTURES),
]
TargetSize = Annotated[
    Pair | None,
    typer.Option(
        metavar="HEIGHT WIDTH", help="SDXL: size of the crop.", show_default="the picture's", rich_help_panel=PICTURES
    ),
]
AestheticScore = Annotated[
    float | None,
    typer.Option(help="SDXL's refiner: how well raters like it.", show_default="6.0", rich_help_panel=PICTURES),
]
NegativeOriginalSize = Annotated[
    Pair | None,
    typer.Option(
        metavar="HEIGHT WIDTH",
        help="The same for what not to draw, with --negative-target-size.",
        show_default="--original-size",
        rich_help_panel=PICTURES,
    ),
]
NegativeCrop = Annotated[
    Pair | None,
    typer.Option(
        metavar="TOP LEFT",
        help="With the two negative sizes: their crop.",
        show_default="0 0",
        rich_help_panel=PICTURES,
    ),
]
NegativeTargetSize = Annotated[
    Pair | None,
    typer.Option(
        metavar="HEIGHT WIDTH",
        help="With --negative-original-size.",
        show_default="--target-size",
        rich_help_panel=PICTURES,
    ),
]
NegativeAestheticScore = Annotated[
    float | None,
    typer.Option(help="The same for what not to draw.", show_default="2.5", rich_help_panel=PICTURES),
]


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
