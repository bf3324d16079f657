"""The arrays of a schedule file, checked before anything trusts them.

Malformed means: a key too many or missing, a wrong type or shape, a number that is not finite, a
table that points outside the rows, or a row that weighs history which does not exist yet. The
layout is documented in `accel_runtime.schedules.file`.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from accel_runtime.errors import BundleError

SCHEDULE_FORMAT = "accel-schedules"
SCHEDULE_VERSION = "2"

Arrays = Mapping[str, npt.NDArray[np.float64] | npt.NDArray[np.int64]]

# dtype and shape of every key: T tables, R rows, at most X latents and E model outputs a row
LAYOUT: dict[str, tuple[str, tuple[str | int, ...]]] = {
    "tables": ("int64", ("T", 6)),
    "init_noise_sigma": ("float64", ("T",)),
    "timestep": ("float64", ("R",)),
    "input_scale": ("float64", ("R",)),
    "a": ("float64", ("R", "X")),
    "b": ("float64", ("R", "E")),
    "c": ("float64", ("R",)),
    "draws": ("int64", ("R",)),
    "shallow_ok": ("int64", ("R",)),
    "add_noise": ("float64", ("R", 2)),
}
_MAY_BE_NAN = {"add_noise"}
# The loop computes in float32.
_LARGEST = float(np.finfo(np.float32).max)
_METADATA = {"scheduler": "a name", "order": "a number", "memoryless": "yes or no"}


def load_arrays(path: Path) -> tuple[Mapping[str, str], Arrays]:
    """The metadata and the checked arrays of the file at ``path``.

    Raises:
        BundleError: The file is missing or malformed; names file and key.
    """
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError) as error:
        raise BundleError(f"{path}: cannot be read as a schedule file: {error}") from error
    check_arrays(path, metadata, arrays)
    return metadata, arrays


def check_arrays(path: Path, metadata: Mapping[str, str], arrays: Arrays) -> None:
    """Hold what a schedule file at ``path`` says against the layout.

    Raises:
        BundleError: It is malformed; names file and key.
    """
    for key, value in {"format": SCHEDULE_FORMAT, "version": SCHEDULE_VERSION}.items():
        if metadata.get(key) != value:
            raise BundleError(f"{path}: {key}: expected {value!r}, got {metadata.get(key)!r}")
    _check_metadata(path, metadata)
    _check_layout(path, arrays)
    _check_tables(path, arrays)


def _check_metadata(path: Path, metadata: Mapping[str, str]) -> None:
    for key, meaning in _METADATA.items():
        value = metadata.get(key, "")
        sound = {"order": value.isdecimal() and value != "0", "memoryless": value in ("yes", "no")}.get(
            key, bool(value)
        )
        if not sound:
            raise BundleError(f"{path}: {key}: expected {meaning} in the metadata, got {value!r}")


def _check_layout(path: Path, arrays: Arrays) -> None:
    missing, unknown = sorted(LAYOUT.keys() - arrays.keys()), sorted(arrays.keys() - LAYOUT.keys())
    if missing or unknown:
        raise BundleError(f"{path}: {', '.join(missing + unknown)}: missing {missing}, unknown {unknown}")
    sizes: dict[str | int, int] = {6: 6, 2: 2}
    for key, (dtype, shape) in LAYOUT.items():
        array = arrays[key]
        same_rank = array.ndim == len(shape)
        if (
            array.dtype != dtype
            or not same_rank
            or any(sizes.setdefault(name, size) != size for name, size in zip(shape, array.shape, strict=True))
        ):
            raise BundleError(f"{path}: {key}: expected {dtype} {shape}, got {array.dtype} {array.shape}")
        values = array[~np.isnan(array)] if key in _MAY_BE_NAN else array
        if not (np.abs(values) <= _LARGEST).all():
            raise BundleError(f"{path}: {key}: holds a value that is not finite in float32")


def _check_tables(path: Path, arrays: Arrays) -> None:
    rows, x_width = arrays["a"].shape
    e_width = arrays["b"].shape[1]
    for steps, _, first, count, hx, he in arrays["tables"].tolist():
        inside = first >= 0 and count >= 1 and first + count <= rows
        if not (inside and 1 <= hx <= x_width and 1 <= he <= e_width):
            raise BundleError(f"{path}: tables: the entry for {steps} steps points outside the {rows} rows")
        part = slice(first, first + count)
        for key in ("a", "b"):
            if np.triu(arrays[key][part], 1).any():
                raise BundleError(f"{path}: {key}: the table for {steps} steps weighs history that does not exist yet")
        if arrays["shallow_ok"][first]:
            raise BundleError(f"{path}: shallow_ok: call 0 of {steps} steps has no features to reuse")
        if not np.isin(arrays["draws"][part], (0, 1)).all():
            raise BundleError(f"{path}: draws: the table for {steps} steps draws more than one tensor at a call")
