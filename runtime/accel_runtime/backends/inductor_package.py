"""What an AOTInductor package says of itself, read without torch.

A package is a zip. Beside the compiled code it holds the metadata that the exporter compiled it with;
under our own key there lie its `Terms`. They make a package as self-contained as an ONNX file, which
names its external data too.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from accel_runtime.errors import BackendError
from accel_runtime.manifest import Device

METADATA_KEY = "accel"
_METADATA_SUFFIX = "_metadata.json"


class Constant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A weight that the package was compiled for."""

    dtype: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, tensor: Any) -> "Constant":
        """What a package is told of a tensor of torch's."""
        return cls(dtype=str(tensor.dtype).removeprefix("torch."), shape=tuple(tensor.shape))

    def __str__(self) -> str:
        """Such as ``float32 [320, 4, 3, 3]``."""
        return f"{self.dtype} {list(self.shape)}"


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must hold for a package to run.

    Attributes:
        device: What it was compiled for.
        torch: The version that compiled it.
        instructions: The CPU's, by torch's name, such as `AVX2`; None for a GPU.
        weights: The safetensors file beside the package that holds its constants.
        inputs: Names, in the order in which the code takes them.
        outputs: Names, in the order in which it returns them.
        constants: By name; the file may hold more.
    """

    device: Device
    torch: str
    instructions: str | None
    weights: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: dict[str, Constant]


def read_terms(path: Path) -> Terms:
    """The terms of the package at ``path``.

    Raises:
        BackendError: There is no package, or it is not one of ours.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            terms = next(_terms(archive), None)
    except (OSError, zipfile.BadZipFile, ValueError, msgspec.MsgspecError) as error:
        raise BackendError(f"{path}: cannot be read as an AOTInductor package: {error}: export it again") from error
    if terms is None:
        raise BackendError(f"{path}: not a package of `accel export --format inductor`: it states no terms")
    return terms


def _terms(archive: zipfile.ZipFile) -> Iterator[Terms]:
    for name in archive.namelist():
        if name.endswith(_METADATA_SUFFIX):
            metadata: dict[str, Any] = json.loads(archive.read(name))
            if METADATA_KEY in metadata:
                yield msgspec.json.decode(metadata[METADATA_KEY], type=Terms)
