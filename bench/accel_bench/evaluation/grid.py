"""Grids of pictures: one PNG per batch, with a row for each plan and a column for each caption."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from accel_bench.base.files import check_outputs
from accel_runtime.durable import make_folder, write_file
from accel_runtime.errors import InputError

_GAP = 2  # pixels


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


def write_grid(path: Path, rows: Mapping[str, NDArray[np.uint8]], *, captions: Sequence[str]) -> None:
    """Write a grid as a PNG that carries its captions and row names as text; its folder is made if needed.

    Args:
        path: The PNG.
        rows: Pictures of one batch, by the name of the row. Shape: [B, H, W, 3].
        captions: The B captions.
    """
    make_folder(path.parent)
    info = PngInfo()
    info.add_itxt("accel:captions", json.dumps(list(captions)))
    info.add_itxt("accel:rows", json.dumps(list(rows)))
    grid = draw_grid(rows)
    write_file(path, lambda file: grid.save(file, format="PNG", pnginfo=info))


def draw_grid(rows: Mapping[str, NDArray[np.uint8]]) -> Image.Image:
    """Draw pictures in rows, each behind its name; see `write_grid`."""
    count, height, width, _ = next(iter(rows.values())).shape
    font = ImageFont.load_default()
    label = _GAP * 3 + round(max(font.getlength(name) for name in rows))
    grid = Image.new("RGB", (label + count * (width + _GAP), len(rows) * (height + _GAP)), "white")
    pen = ImageDraw.Draw(grid)
    for row, (name, images) in enumerate(rows.items()):
        top = row * (height + _GAP)
        pen.text((_GAP, top + _GAP), name, fill="black", font=font)
        for column, image in enumerate(images):
            grid.paste(Image.fromarray(image), (label + column * (width + _GAP), top))
    return grid
