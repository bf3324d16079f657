"""Images and latents on disk: written aside and renamed, labelled with how they were made."""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from accel_runtime.errors import InputError


@dataclass(frozen=True, slots=True)
class ImageLabel:
    """The text metadata of a PNG: enough to make the same image again."""

    prompt: str
    negative: str
    seed: int
    plan: str
    scheduler: str
    steps: int
    guidance: float
    bundle: str
    weights: str


def image_paths(output: Path, *, count: int) -> list[Path]:
    """One path per image: the output itself, or numbered ones beside it."""
    if output.suffix.lower() != ".png":
        raise InputError(f"{output}: expected a name that ends in .png")
    if count == 1:
        return [output]
    return [output.with_name(f"{output.stem}-{index}{output.suffix}") for index in range(count)]


def check_outputs(paths: Sequence[Path], *, force: bool) -> None:
    """Refuse outputs that cannot be written, before any work is done.

    Raises:
        InputError: A path exists and ``force`` is not given, or its folder cannot be written.
    """
    for path in paths:
        if path.is_dir():
            raise InputError(f"{path}: is a folder, expected a file to write")
        if path.exists() and not force:
            raise InputError(f"{path}: exists already: choose another name, or replace it with --force")
        if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
            raise InputError(f"{path}: the folder {path.parent} does not exist or cannot be written")


def write_png(path: Path, pixels: NDArray[np.uint8], *, label: ImageLabel) -> None:
    """Write pixels [H, W, 3] as a PNG that carries its label as text."""
    info = PngInfo()
    for key, value in asdict(label).items():
        info.add_itxt(f"accel:{key}", str(value))
    if label.weights == "random":
        info.add_itxt("Comment", "made with random weights: the picture means nothing")
    image = Image.fromarray(pixels)
    _write_aside(path, lambda file: image.save(file, format="PNG", pnginfo=info))


def read_latents(path: Path) -> NDArray[np.float32]:
    """Latents [B, C, h, w] from a .npy file; pickled arrays are refused.

    Raises:
        InputError: The file is missing or holds something else.
    """
    try:
        values: Any = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: not a .npy file of latents: {error}") from error
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or values.ndim != 4:
        raise InputError(f"{path}: expected floating-point latents [B, C, H, W]")
    if not np.isfinite(values).all():
        raise InputError(f"{path}: latents hold NaN or infinity")
    return values.astype(np.float32)


def write_latents(path: Path, latents: NDArray[np.float32]) -> None:
    """Write latents as .npy."""
    _write_aside(path, lambda file: np.save(file, latents))


def _write_aside(path: Path, write: Callable[[BinaryIO], None]) -> None:
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        with partial.open("wb") as file:
            write(file)
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
