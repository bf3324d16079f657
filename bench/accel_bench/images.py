"""Image and latent files: written whole or not at all, and labelled with how they were made."""

import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from accel_bench.base.pictures import open_picture
from accel_runtime.durable import write_bytes, write_file
from accel_runtime.errors import InputError
from accel_runtime.request import WHITE


@dataclass(frozen=True, slots=True)
class ImageLabel:
    """The text metadata of a PNG, which is enough to make the same image again."""

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
    """One path per image: ``output`` itself, or numbered files beside it.

    Raises:
        InputError: The name does not end in .png.
    """
    if output.suffix.lower() != ".png":
        raise InputError(f"{output}: expected a name that ends in .png")
    if count == 1:
        return [output]
    return [output.with_name(f"{output.stem}-{index}{output.suffix}") for index in range(count)]


def label_texts(label: ImageLabel) -> dict[str, str]:
    """A label as the texts that a PNG carries."""
    texts = {f"accel:{key}": str(value) for key, value in asdict(label).items()}
    if label.weights == "random":
        texts["Comment"] = "made with random weights: the picture means nothing"
    return texts


def encode_png(pixels: NDArray[np.uint8], texts: Mapping[str, str]) -> bytes:
    """Pixels [H, W, 3] as a PNG that carries texts; the same ones give the same bytes."""
    info, file = PngInfo(), io.BytesIO()
    for key, value in texts.items():
        info.add_itxt(key, value)
    Image.fromarray(pixels).save(file, format="PNG", pnginfo=info)
    return file.getvalue()


def write_png(path: Path, pixels: NDArray[np.uint8], *, label: ImageLabel) -> None:
    """Write pixels [H, W, 3] as a PNG that carries its label as text."""
    write_bytes(path, encode_png(pixels, label_texts(label)))


def read_image(path: Path, *, multiple: int, height: int | None = None, width: int | None = None) -> NDArray[np.uint8]:
    """Read a picture as upright RGB [H, W, 3], scaled with Lanczos as diffusers 0.42.1's VaeImageProcessor does.

    Args:
        path: File of a format in `PHOTOS`.
        multiple: Height and width are rounded down to multiples of this.
        height: Height in pixels; None takes the picture's own.
        width: Width in pixels; None takes the picture's own.

    Raises:
        InputError: `open_picture` refuses the picture, or a side is smaller than ``multiple``.
    """
    picture = open_picture(path, str(path))
    size = tuple(side - side % multiple for side in (width or picture.width, height or picture.height))
    if 0 in size:
        raise InputError(
            f"{path}: expected at least {multiple}×{multiple} pixels, got {picture.width}×{picture.height}"
        )
    return np.asarray(_resized(picture, (size[0], size[1])))


def read_mask(path: Path, *, of: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Read a mask as grey [H, W], of which diffusers 0.42.1's mask processor takes 128 and more for white.

    Args:
        path: Picture of any mode; its transparency does not count.
        of: The picture that it masks, as large as itself.
        size: Height and width to scale it to.

    Raises:
        InputError: `open_picture` refuses it, it has another size than ``of``, or no white.
    """
    mask, masked = open_picture(path, str(path)), open_picture(of, str(of))
    if mask.size != masked.size:
        expected = f"{masked.width}×{masked.height} pixels, as {of} has"
        raise InputError(f"{path}: expected a mask of {expected}, got {mask.width}×{mask.height}")
    grey = np.asarray(_resized(mask, (size[1], size[0])).convert("L"))
    if grey.max() < WHITE:
        raise InputError(f"{path}: expected a mask with white where the picture is to be drawn anew, got none")
    return grey


def _resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    return picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)


def write_latents(path: Path, latents: NDArray[np.float32]) -> None:
    """Write latents as .npy."""
    write_file(path, lambda file: np.save(file, latents))
