"""What an AOTInductor package says of itself, read without torch.

A package is a zip. Beside the compiled code it holds the metadata that the exporter compiled it with;
under our own key there lie its `Terms`. They make a package as self-contained as an ONNX file, which
names its external data too.
"""

import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from accel_runtime.errors import BackendError, first_line
from accel_runtime.manifest import Device
from accel_runtime.reading import decode_json

METADATA_KEY = "accel"
_METADATA_SUFFIX: Final = "_metadata.json"
# A hundred bytes for each constant of the largest UNet there is come to a thousandth of it.
_LARGEST_METADATA: Final = 16 * 2**20
# torch writes one for each of a package's models, of which ours have one.
_MOST_METADATA: Final = 8

Extent = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
FileName = Annotated[str, msgspec.Meta(pattern=r"^[^/\\\0]+\Z")]


class Constant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A weight that the package was compiled for."""

    dtype: str
    shape: tuple[Extent, ...]

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
    weights: FileName
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
            terms = next(_terms(archive, path), None)
    except BackendError:
        raise
    # zipfile raises what its parts do: of compression, of encryption, of names, of numbers that are too large.
    except Exception as error:
        raise BackendError(
            f"{path}: cannot be read as an AOTInductor package: {first_line(error)}: export it again"
        ) from error
    if terms is None:
        raise BackendError(f"{path}: not a package of `accel export --artifact inductor`: it states no terms")
    return terms


def _terms(archive: zipfile.ZipFile, path: Path) -> Iterator[Terms]:
    named = (member for member in archive.infolist() if member.filename.endswith(_METADATA_SUFFIX))
    for member in islice(named, _MOST_METADATA):
        metadata = decode_json(_read(archive, member), dict[str, object], path=path, error=BackendError)
        if METADATA_KEY in metadata:
            raw = msgspec.convert(metadata[METADATA_KEY], str).encode()
            yield decode_json(raw, Terms, path=path, error=BackendError)


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member, unless it is, or turns out to be, larger than any metadata: what it says of its size may be a lie."""
    with archive.open(member) as file:
        raw = file.read(_LARGEST_METADATA + 1)
    if len(raw) > _LARGEST_METADATA:
        raise ValueError(f"{member.filename}: expected at most {_LARGEST_METADATA} bytes, got more")
    return raw
