"""The picture that a drawing starts from, and the part of it to draw anew, as options."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from numpy.typing import NDArray

from accel_bench.cli.options import PICTURES
from accel_bench.images import read_image, read_mask
from accel_runtime.errors import InputError
from accel_runtime.manifest import Manifest
from accel_runtime.request import check_side

# diffusers' defaults.
_OF_IMAGE: Final = 0.8
_OF_MASK: Final = 1.0

ImageFile = Annotated[
    Path | None,
    typer.Option("--image", help="Start from this picture instead of from noise.", rich_help_panel=PICTURES),
]
MaskFile = Annotated[
    Path | None,
    typer.Option(
        "--mask",
        help="With --image: draw it anew where this picture is white, and keep the rest.",
        rich_help_panel=PICTURES,
    ),
]
Strength = Annotated[
    float | None,
    typer.Option(
        help="With --image: how much of it to change, up to 1.",
        show_default="0.8, with --mask 1",
        rich_help_panel=PICTURES,
    ),
]


@dataclass(frozen=True, slots=True)
class StartFiles:
    """The files to start from.

    Attributes:
        image: The picture; None starts from noise.
        mask: What of it to draw anew; None draws all of it.
        asked: Strength that was asked for.

    Raises:
        InputError: A mask or a strength without a picture.
    """

    image: Path | None
    mask: Path | None
    asked: float | None

    def __post_init__(self) -> None:
        for name, value in (("--strength", self.asked), ("--mask", self.mask)):
            if value is not None and self.image is None:
                raise InputError(f"{name} is for --image: add the picture to start from")

    @property
    def strength(self) -> float | None:
        """The strength, where there is a picture."""
        usual = None if self.image is None else _OF_IMAGE if self.mask is None else _OF_MASK
        return usual if self.asked is None else self.asked

    def read(
        self, manifest: Manifest, *, height: int | None, width: int | None
    ) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None]:
        """Picture [H, W, 3] and mask [H, W], scaled to a size that the model takes.

        Raises:
            InputError: A file is no picture, the mask has another size than the picture, or says to draw nothing.
        """
        for name, side in (("height", height), ("width", width)):
            if side is not None:
                check_side(name, side)
        if self.image is None:
            return None, None
        multiple = manifest.state.multiple
        image = read_image(self.image, multiple=multiple, height=height, width=width)
        if self.mask is None:
            return image, None
        return image, read_mask(self.mask, of=self.image, size=image.shape[:2])
