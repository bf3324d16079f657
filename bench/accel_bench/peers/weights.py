"""The folder of weights that peers share, and whether the bundle was made of it."""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from accel_runtime.bundle import read_bundle
from accel_runtime.errors import InputError

_UNET: Final = "unet/diffusion_pytorch_model.safetensors"
# Convolutions at both ends: no exporter folds them into something else.
_TELLING: Final = ("conv_in.weight", "conv_out.weight")


def check_weights(folder: Path, *, bundle: Path) -> None:
    """Refuse a folder that peers cannot read, or that holds other weights than the bundle.

    Raises:
        InputError: Says which, and how to make a folder.
    """
    advice = "`accel peers weights SOURCE -o FOLDER` writes one"
    if not (folder / "model_index.json").is_file():
        raise InputError(f"{folder}: expected a diffusers folder, it has no model_index.json: {advice}")
    if not (folder / _UNET).is_file():
        raise InputError(f"{folder}: peers read plain safetensors, and it has no {_UNET}: {advice}")
    opened = read_bundle(bundle, verification="sizes")
    dtype, deep = opened.manifest.dtype, opened.manifest.deep.file
    files = [opened.path(file) for file in (deep, *opened.reads[deep])]
    for name, values in _tensors(folder / _UNET):
        if not any(_contains(path, _stored(values, dtype)) for path in files):
            raise InputError(
                f"{folder}: its unet's {name} is not the bundle's: give the weights that {bundle} was exported from"
            )


def _tensors(path: Path) -> Iterator[tuple[str, NDArray[np.float32]]]:
    try:
        with safe_open(path, framework="np") as file:
            for name in _TELLING:
                yield name, file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not the weights of a UNet: {error}") from error


def _stored(values: NDArray[np.float32], dtype: str) -> bytes:
    """The bytes of weights in a bundle of that precision."""
    if dtype != "bfloat16":
        return values.astype(dtype).tobytes()
    # The upper half of float32, rounded to the nearest and halfway to the even one; numpy has no such type.
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16).tobytes()


def _contains(path: Path, content: bytes) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
        return held.find(content) >= 0
