"""Bundles on their way to workers: by content, so that a machine gets each only once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from accel_runtime.base.user_cache import user_cache
from accel_runtime.durable import lock, write_folder
from accel_runtime.errors import BundleError
from accel_runtime.manifest import MANIFEST_NAME

# Bytes of one object in Ray's store; files are sent in pieces, so that neither side holds a whole one.
_PIECE: Final = 64 * 2**20
# For another worker of this machine that receives the same bundle.
_PATIENCE_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Parcel:
    """A bundle's files in Ray's object store.

    Attributes:
        files: References to the pieces of each file, by its path in the bundle.
    """

    files: tuple[tuple[str, tuple[Any, ...]], ...]


def received_folder(digest: str) -> Path:
    """Where a machine keeps a bundle that was sent to it: in ``$ACCEL_RECEIVED``, or in the user's cache."""
    return user_cache("received", variable="ACCEL_RECEIVED") / digest


def find_bundle(folder: Path, digest: str) -> Path | None:
    """The bundle with this digest: in a folder that all machines see, or received before; None where neither is."""
    return next((place for place in (folder, received_folder(digest)) if _digest(place) == digest), None)


def pack(folder: Path, put: Callable[[bytes], Any]) -> Parcel:
    """Put all files of a bundle into the object store.

    Raises:
        BundleError: A file cannot be read.
    """
    try:
        files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        return Parcel(tuple((file.relative_to(folder).as_posix(), tuple(map(put, _pieces(file)))) for file in files))
    except OSError as error:
        raise BundleError(f"{error.filename}: cannot be read: {error.strerror}") from error


def unpack(parcel: Parcel, digest: str, *, get: Callable[[Any], bytes]) -> Path:
    """Write a bundle's files where `find_bundle` looks, unless another worker of this machine did; returns where.

    Whoever opens the bundle checks every hash.

    Raises:
        WriteError: It cannot be written.
    """
    target = received_folder(digest)
    target.parent.mkdir(parents=True, exist_ok=True)
    with lock(target.with_name(f"{digest}-arriving"), patience_s=_PATIENCE_S):
        if _digest(target) != digest:
            with write_folder(target) as folder:
                for name, pieces in parcel.files:
                    _write(folder / name, pieces, get=get)
    return target


def _write(path: Path, pieces: tuple[Any, ...], *, get: Callable[[Any], bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        for piece in pieces:
            file.write(get(piece))


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            yield piece


def _digest(folder: Path) -> str | None:
    """The digest of a bundle, which is that of its manifest; None where there is no bundle."""
    try:
        return sha256((folder / MANIFEST_NAME).read_bytes()).hexdigest()
    except OSError:
        return None
