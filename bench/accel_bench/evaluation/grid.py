"""Grids of pictures: one PNG per batch, with a row for each plan, its differences, and a column for each caption."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from accel_bench.base.files import check_outputs
from accel_bench.quality.difference import GAIN, difference
from accel_bench.quality.psnr import psnr, squared_errors
from accel_runtime.durable import make_folder, write_file
from accel_runtime.errors import InputError

# In pixels.
_GAP: Final = 2
_FONT: Final = 12
# Smaller pictures are enlarged by a whole number as far as this height allows.
_HIGH: Final = 128
# Letters in a line of a row's name.
_LETTERS: Final = 24


def grid_paths(folder: Path, count: int, *, force: bool) -> list[Path]:
    """Return one path per batch, refused early where they cannot be written.

    Raises:
        InputError: The folder cannot be made, or holds such files and ``force`` is not given.
    """
    paths = [folder / f"batch-{index}.png" for index in range(count)]
    if folder.is_dir():
        check_outputs(paths, force=force)
    elif folder.exists():
        raise InputError(f"{folder}: is a file, expected a folder for the grids")
    else:
        check_outputs([folder], force=force)
    return paths


def write_grid(path: Path, plans: Mapping[str, NDArray[np.uint8]], *, captions: Sequence[str]) -> None:
    """Write a grid as a PNG that carries its captions and row names as text; its folder is made if needed.

    Beneath the pictures stand their `difference_rows`. Each pixel of a small picture becomes a square.

    Args:
        path: The PNG.
        plans: Pictures of one batch, by plan; the baseline comes first. Shape: [B, H, W, 3].
        captions: The B captions.
    """
    make_folder(path.parent)
    rows = {**plans, **difference_rows(plans)}
    height = next(iter(plans.values())).shape[1]
    info = PngInfo()
    info.add_itxt("accel:captions", json.dumps(list(captions)))
    info.add_itxt("accel:rows", json.dumps(list(rows)))
    grid = draw_grid(rows, scale=max(1, _HIGH // height))
    write_file(path, lambda file: grid.save(file, format="PNG", pnginfo=info))


def difference_rows(plans: Mapping[str, NDArray[np.uint8]]) -> dict[str, NDArray[np.uint8]]:
    """Differences of each plan's pictures from the first plan's, with the PSNR of the row in its name."""
    (first, references), *others = plans.items()
    # Pillow's own font has ASCII alone.
    return {
        f"{GAIN} x ({name} - {first}): {_psnr_text(images, references)}": difference(images, references)
        for name, images in others
    }


def _psnr_text(images: NDArray[np.uint8], references: NDArray[np.uint8]) -> str:
    decibels = psnr(squared_errors(images, references).tolist())
    return "no pixel differs" if decibels is None else f"{decibels:.1f} dB"


def draw_grid(rows: Mapping[str, NDArray[np.uint8]], *, scale: int = 1) -> Image.Image:
    """Draw pictures in rows, each behind its name.

    Args:
        rows: Pictures by the name of the row. Shape: [B, H, W, 3].
        scale: Each pixel is drawn as a square of so many.
    """
    count, height, width, _ = next(iter(rows.values())).shape
    across, down = scale * width + _GAP, scale * height + _GAP
    names = [fill(name, _LETTERS) for name in rows]
    font = ImageFont.load_default(_FONT)
    label = _GAP * 3 + round(max(font.getlength(line) for name in names for line in name.splitlines()))
    grid = Image.new("RGB", (label + count * across, len(rows) * down), "white")
    pen = ImageDraw.Draw(grid)
    for row, (name, images) in enumerate(zip(names, rows.values(), strict=True)):
        pen.multiline_text((_GAP, row * down + _GAP), name, fill="black", font=font)
        for column, image in enumerate(images.repeat(scale, axis=1).repeat(scale, axis=2)):
            grid.paste(Image.fromarray(image), (label + column * across, row * down))
    return grid
