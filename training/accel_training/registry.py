"""The data, from the npm registry: pinned versions, checked archives."""

import hashlib
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from accel_runtime.durable import write_folder
from accel_runtime.errors import AccelError


class DataError(AccelError):
    """The training data cannot be downloaded."""


@dataclass(frozen=True, slots=True)
class Package:
    """One npm package.

    Attributes:
        spec: Name and version in the form of ``npm pack``.
        archive: File name that ``npm pack`` chooses.
        sha256: SHA-256 of the archive.
    """

    spec: str
    archive: str
    sha256: str


PACKAGES: Final[Mapping[str, Package]] = {
    "pictures": Package(
        "@lobehub/fluent-emoji-3d@1.1.0",
        archive="lobehub-fluent-emoji-3d-1.1.0.tgz",
        sha256="c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
    ),
    "captions": Package(
        "emojibase-data@17.0.0",
        archive="emojibase-data-17.0.0.tgz",
        sha256="d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
    ),
}


def fetch(package: Package, folder: Path) -> Path:
    """Return the unpacked package below ``folder``, downloading it on the first call.

    Raises:
        DataError: npm is missing, the registry cannot be reached, or the archive is not the pinned one.
    """
    target = folder / package.archive.removesuffix(".tgz")
    if target.exists():
        return target / "package"
    folder.mkdir(parents=True, exist_ok=True)
    _download(package, folder)
    archive = folder / package.archive
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != package.sha256:
        raise DataError(f"{package.archive}: expected sha256 {package.sha256}, got {found}; delete it and try again")
    with write_folder(target) as unpacked, tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    return target / "package"


def _download(package: Package, folder: Path) -> None:
    if (folder / package.archive).exists():
        return
    command = ["npm", "pack", package.spec, "--silent"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603
    except FileNotFoundError as error:
        raise DataError("npm is not on PATH: it downloads the pictures and their captions; install Node.js") from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no message"])[-1]
        raise DataError(f"`{' '.join(command)}` failed: {reason}") from error
