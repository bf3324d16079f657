"""Control images of a drawing, as options: one of each for every ControlNet of the bundle."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from accel_bench.cli.options import PICTURES
from accel_bench.images import read_image
from accel_runtime.errors import InputError
from accel_runtime.manifest import Manifest
from accel_runtime.request import Control

_NUMBERS: Final = {"--control-scale": 1.0, "--control-start": 0.0, "--control-end": 1.0}


def _option(name: str, help_: str, *, default: str | None = None) -> Any:
    return typer.Option(name, help=help_, show_default=default or False, rich_help_panel=PICTURES)


ControlFiles = Annotated[
    list[Path] | None, _option("--control", "Control image for the bundle's ControlNet; repeat for several.")
]
ControlScales = Annotated[
    list[float] | None, _option("--control-scale", "How strong control is; once, or for each image.", default="1.0")
]
ControlStarts = Annotated[
    list[float] | None,
    _option("--control-start", "Share of the steps after which control begins; once, or for each.", default="0.0"),
]
ControlEnds = Annotated[
    list[float] | None,
    _option("--control-end", "Share of the steps after which it ends; once, or for each.", default="1.0"),
]


def control_numbers(
    count: int, *, scales: list[float] | None, starts: list[float] | None, ends: list[float] | None
) -> list[tuple[float, float, float]]:
    """Scale, start and end of each control image.

    Raises:
        InputError: There are numbers without an image, or neither one number nor one for each image.
    """
    told = []
    for (name, usual), given in zip(_NUMBERS.items(), (scales, starts, ends), strict=True):
        if given and not count:
            raise InputError(f"{name} is for --control: add the control image")
        if given and len(given) not in (1, count):
            raise InputError(f"{name}: expected 1 number, or {count} for as many control images, got {len(given)}")
        told.append([usual] * count if not given else given * count if len(given) == 1 else given)
    return list(zip(*told, strict=True))


def read_controls(
    files: Sequence[Path],
    numbers: Sequence[tuple[float, float, float]],
    *,
    manifest: Manifest,
    size: tuple[int | None, int | None],
) -> tuple[Control, ...]:
    """Control images, scaled to a size that the model takes.

    Args:
        files: One picture for each ControlNet.
        numbers: Scale, start and end of each.
        manifest: Says which sizes can be drawn.
        size: Height and width of the drawing; None takes the first picture's.

    Raises:
        InputError: A file is no picture, or the numbers make no sense.
    """
    height, width = size
    controls: list[Control] = []
    for file, (scale, start, end) in zip(files, numbers, strict=True):
        image = read_image(file, multiple=manifest.state.multiple, height=height, width=width)
        height, width = image.shape[:2]
        controls.append(Control(image, scale, start, end))
    return tuple(controls)
