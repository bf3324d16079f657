"""Named arrays as bytes: safetensors with a header whose order is fixed, so that equal arrays are equal files."""

from collections.abc import Mapping

import msgspec
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save


def encode_arrays(arrays: Mapping[str, npt.NDArray[np.generic]], metadata: Mapping[str, str]) -> bytes:
    """The bytes of a safetensors file with its header's keys sorted: the library leaves their order to chance."""
    raw = save(dict(arrays), metadata=dict(metadata))
    size = int.from_bytes(raw[:8], "little")
    header = msgspec.json.encode(msgspec.json.decode(raw[8 : 8 + size]), order="sorted")
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + raw[8 + size :]


def decode_arrays(data: bytes) -> tuple[dict[str, str], dict[str, npt.NDArray[np.generic]]]:
    """Metadata and arrays of the bytes of a safetensors file.

    Raises:
        ValueError: They are none.
    """
    try:
        arrays = load(data)
    # A type that numpy lacks is a `KeyError` of the library's.
    except (SafetensorError, KeyError) as error:
        raise ValueError(str(error)) from error
    size = int.from_bytes(data[:8], "little")
    header = msgspec.json.decode(data[8 : 8 + size], type=dict[str, dict[str, object]])
    return {key: str(value) for key, value in header.get("__metadata__", {}).items()}, arrays
