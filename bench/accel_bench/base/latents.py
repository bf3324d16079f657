"""Latents from .npy files of others; a header that claims another size than the file's is refused."""

import math
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from accel_runtime.errors import InputError, first_line

# By version of the format, the reader of its header. Later versions differ in names of fields, which latents lack.
_HEADERS: Final = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_latents(path: Path) -> NDArray[np.float32]:
    """Latents [B, C, h, w] from a .npy file; pickled arrays are refused.

    Raises:
        InputError: The file is missing or holds something else.
    """
    try:
        with path.open("rb") as file:
            values = _read(file, size=path.stat().st_size)
    # numpy raises whatever its parts do: of headers that are Python literals, of types, of shapes.
    except Exception as error:
        raise InputError(f"{path}: not a .npy file of latents: {first_line(error)}") from error
    if not np.isfinite(values).all():
        raise InputError(f"{path}: latents hold NaN or infinity, or more than float32 does")
    return values


def _read(file: BufferedReader, *, size: int) -> NDArray[np.float32]:
    """The array of an open file of ``size`` bytes.

    Raises:
        ValueError: The file holds no array, or one that is no latents.
    """
    version = npy.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"expected version 1.0 or 2.0 of the format, got {version[0]}.{version[1]}")
    shape, is_fortran, dtype = _HEADERS[version](file)
    if dtype.kind != "f" or len(shape) != 4:
        raise ValueError(f"expected floating-point latents [B, C, H, W], got {dtype} {list(shape)}")
    expected, actual = math.prod(shape) * dtype.itemsize, size - file.tell()
    if expected != actual or expected == 0:
        raise ValueError(f"expected the {expected} bytes that {dtype} {list(shape)} takes, got {actual}")
    flat: NDArray[Any] = np.frombuffer(file.read(), dtype)
    values = flat.reshape(shape, order="F" if is_fortran else "C")
    with np.errstate(over="ignore"):
        return values.astype(np.float32, order="C")
