"""Pictures that others wrote: the formats that are meant, decoded within bounds; the one place that opens any."""

import warnings
from pathlib import Path
from typing import BinaryIO, Final

from PIL import Image, ImageOps, UnidentifiedImageError

from accel_runtime.errors import InputError, first_line

# Others of Pillow's are rare, and some are programs: EPS starts Ghostscript.
PHOTOS: Final = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
# What the largest sensors of telephones give; some hundred MB while it is read.
MOST_PIXELS: Final = 120_000_000


def open_picture(source: Path | BinaryIO, name: str, *, formats: tuple[str, ...] = PHOTOS) -> Image.Image:
    """A picture as RGB, turned as its camera was held, as `load_image` of diffusers 0.42.1 does.

    Args:
        source: The file.
        name: What it is called in messages.
        formats: Pillow's names of those that are tried, whatever the file is called.

    Raises:
        InputError: It is none of these, is damaged, or has more pixels than `MOST_PIXELS`.
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
