"""Pictures from others, in a few formats and within bounds. No other module opens pictures."""

import warnings
from pathlib import Path
from typing import BinaryIO, Final

from PIL import Image, ImageOps, UnidentifiedImageError

from accel_runtime.errors import InputError, first_line

# Pillow's other formats are rare, and some run programs: EPS starts Ghostscript.
PHOTOS: Final = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
# The largest sensors of telephones give as many; reading one takes some hundred MB.
MOST_PIXELS: Final = 120_000_000


def open_png(source: BinaryIO, name: str) -> tuple[Image.Image, dict[str, str]]:
    """A whole PNG of ours as RGB, and the texts that it carries.

    Args:
        source: The file.
        name: Name of the picture in messages.

    Raises:
        InputError: `open_picture` refuses it.
    """
    picture = open_picture(source, name, formats=("PNG",))
    source.seek(0)
    with Image.open(source, formats=("PNG",)) as opened:
        opened.load()  # texts may come after the pixels
        return picture, {str(key): str(value) for key, value in opened.info.items() if isinstance(value, str)}


def open_picture(source: Path | BinaryIO, name: str, *, formats: tuple[str, ...] = PHOTOS) -> Image.Image:
    """A picture as RGB, turned as its camera was held, as `load_image` of diffusers 0.42.1 does.

    Args:
        source: The file.
        name: Name of the picture in messages.
        formats: Pillow's names of the formats to try; the file's name does not matter.

    Raises:
        InputError: The file is of another format, is damaged, or has more pixels than `MOST_PIXELS`.
    """
    try:
        # Pillow warns where it would still read on; our bound is lower than where it refuses.
        with warnings.catch_warnings(action="ignore"), Image.open(source, formats=formats) as opened:
            pixels = opened.width * opened.height
            if pixels <= MOST_PIXELS:
                ImageOps.exif_transpose(opened, in_place=True)
                return opened.convert("RGB")
    # Decoders raise whatever goes wrong in them: SyntaxError, ValueError, struct.error, OverflowError …
    except Exception as error:
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "it is of another kind" if unknown else getattr(error, "strerror", None) or first_line(error)
        raise InputError(f"{name}: not a picture ({', '.join(formats)}): {reason}") from error
    raise InputError(f"{name}: expected a picture of at most {MOST_PIXELS:,} pixels, got {pixels:,}")
