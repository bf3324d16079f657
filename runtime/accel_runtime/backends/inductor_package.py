"""The metadata of an AOTInductor package, read without torch.

A package is a zip file. Beside the compiled code it holds the metadata that the exporter gave to the compiler. Our key
in it holds a `PackageMetadata`. It makes a package self-contained, like an ONNX file, which also names its external
data.
"""

import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from accel_runtime.base.reading import decode_json
from accel_runtime.errors import BackendError, first_line
from accel_runtime.manifest import Device

METADATA_KEY = "accel"
_METADATA_SUFFIX: Final = "_metadata.json"
# A hundred bytes for each constant of the largest UNet are a thousandth of this.
_LARGEST_METADATA: Final = 16 * 2**20
# torch writes one per model of a package; our packages have one model.
_MOST_METADATA: Final = 8

Extent = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
FileName = Annotated[str, msgspec.Meta(pattern=r"^[^/\\\0]+\Z")]


class Constant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A weight that the package was compiled for."""

    dtype: str
    shape: tuple[Extent, ...]

    @classmethod
    def of(cls, tensor: Any) -> "Constant":
        """The constant of a torch tensor."""
        return cls(dtype=str(tensor.dtype).removeprefix("torch."), shape=tuple(tensor.shape))

    def __str__(self) -> str:
        """Such as ``float32 [320, 4, 3, 3]``."""
        return f"{self.dtype} {list(self.shape)}"


class PackageMetadata(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a package needs to run.

    Attributes:
        device: Device that it was compiled for.
        torch: Version of torch that compiled it.
        instructions: torch's name of the CPU's instructions, such as `AVX2`; None for a GPU.
        weights: Safetensors file beside the package that holds its constants.
        inputs: Names of inputs, in the code's order.
        outputs: Names of outputs, in the code's order.
        constants: Constants by name; the file may hold more.
    """

    device: Device
    torch: str
    instructions: str | None
    weights: FileName
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: dict[str, Constant]


def read_metadata(path: Path) -> PackageMetadata:
    """Read the metadata that accel wrote into the package at ``path``.

    Raises:
        BackendError: There is no package, or it is not one of ours.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            metadata = next(_entries(archive, path), None)
    except BackendError:
        raise
    # zipfile raises many types, for bad compression, encryption, names and numbers.
    except Exception as error:
        raise BackendError(
            f"{path}: cannot be read as an AOTInductor package: {first_line(error)}: export it again"
        ) from error
    if metadata is None:
        raise BackendError(
            f"{path}: not a package of `accel export --artifact inductor`: its metadata has no entry of accel's"
        )
    return metadata


def _entries(archive: zipfile.ZipFile, path: Path) -> Iterator[PackageMetadata]:
    named = (member for member in archive.infolist() if member.filename.endswith(_METADATA_SUFFIX))
    for member in islice(named, _MOST_METADATA):
        metadata = decode_json(_read(archive, member), dict[str, object], path=path, error=BackendError)
        if METADATA_KEY in metadata:
            raw = msgspec.convert(metadata[METADATA_KEY], str).encode()
            yield decode_json(raw, PackageMetadata, path=path, error=BackendError)


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member, unless it is, or turns out to be, larger than any metadata: what it says of its size may be a lie."""
    with archive.open(member) as file:
        raw = file.read(_LARGEST_METADATA + 1)
    if len(raw) > _LARGEST_METADATA:
        raise ValueError(f"{member.filename}: expected at most {_LARGEST_METADATA} bytes, got more")
    return raw
