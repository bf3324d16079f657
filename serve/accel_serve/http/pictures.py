"""Pictures between bytes and arrays: what clients send, and what they are sent."""

import io
import warnings
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from accel_runtime.request import WHITE
from accel_serve.http.errors import RefusedError
from accel_serve.http.fields import Format

# Pillow's other formats are rare, and some run programs.
_FORMATS: Final = ("PNG", "JPEG", "WEBP")
# More than models draw, and few enough that nobody fills the memory with a small file.
_MOST_PIXELS: Final = 16_000_000
_BEST: Final = 100
TYPES: Final[dict[Format, str]] = {"png": "image/png", "webp": "image/webp", "jpeg": "image/jpeg"}

Pixels = NDArray[np.uint8]


def encode(pixels: Pixels, kind: Format, *, quality: int) -> bytes:
    """A picture [H, W, 3] in a file format; WebP of quality 100 loses nothing, as PNG."""
    file, image = io.BytesIO(), Image.fromarray(pixels)
    if kind == "png":
        image.save(file, "PNG", compress_level=1)
    elif kind == "webp":
        image.save(file, "WEBP", quality=quality, lossless=quality == _BEST)
    else:
        image.save(file, "JPEG", quality=max(quality, 1))
    return file.getvalue()


def open_upload(content: bytes, name: str) -> Image.Image:
    """A picture that a client sent, as its camera was held, in its own mode.

    Raises:
        RefusedError: It is none, or has too many pixels.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
            pixels = opened.width * opened.height
            if pixels <= _MOST_PIXELS:
                ImageOps.exif_transpose(opened, in_place=True)
                opened.load()
                return opened.copy()
    except Exception as error:  # decoders raise whatever goes wrong in them
        raise RefusedError(f"{name}: expected a picture ({', '.join(_FORMATS)}), got none", param=name) from error
    raise RefusedError(f"{name}: expected at most {_MOST_PIXELS:,} pixels, got {pixels:,}", param=name)


def as_pixels(picture: Image.Image, size: tuple[int, int]) -> Pixels:
    """RGB [H, W, 3] of a size, width first, scaled as diffusers scales start images."""
    return np.asarray(_resized(picture.convert("RGB"), size))


def as_mask(mask: Image.Image, picture: Image.Image, size: tuple[int, int]) -> Pixels:
    """Where to draw anew, white on black [H, W]: transparent parts, as in OpenAI's API; of an opaque mask, white ones.

    Raises:
        RefusedError: It has another size than the picture, or says to draw nothing.
    """
    if mask.size != picture.size:
        expected = f"{picture.width}x{picture.height} pixels, as image has"
        raise RefusedError(f"mask: expected {expected}, got {mask.width}x{mask.height}", param="mask")
    has_alpha = "A" in mask.getbands() or "transparency" in mask.info
    grey = ImageOps.invert(mask.convert("RGBA").getchannel("A")) if has_alpha else mask.convert("L")
    drawn = np.asarray(_resized(grey, size))
    if drawn.max() < WHITE:
        raise RefusedError("mask: expected transparent or white where to draw anew, got none", param="mask")
    return drawn


def _resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)
