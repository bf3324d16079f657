"""The digest of a manifest: beside it in a file, and as a bundle's name."""

import hashlib
import re
from pathlib import Path
from typing import Final

from accel_runtime.base.reading import read_document
from accel_runtime.errors import BundleError, InputError
from accel_runtime.manifest import MANIFEST_DIGEST_NAME, MANIFEST_NAME, read_manifest_bytes

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_LINE: Final = re.compile(rf"([0-9a-f]{{64}}) [ *]{re.escape(MANIFEST_NAME)}")
# Two files cannot be read as one: a writer may come in between, but not time and again.
_ATTEMPTS: Final = 3
_LARGEST: Final = 4096


def read_checked(folder: Path, *, wanted: str | None = None) -> tuple[bytes, str]:
    """The bytes of a bundle's manifest and their digest, which are what the file beside it says, if there is one.

    Args:
        folder: The bundle's.
        wanted: The digest that it must have.

    Raises:
        BundleError: The manifest was changed, or it is another bundle's, or there is none.
        InputError: ``wanted`` is no digest.
    """
    if wanted is not None and not _DIGEST.fullmatch(wanted):
        raise InputError(f"digest: expected the 64 hexadecimal digits that `accel inspect` shows, got {wanted!r}")
    raw, digest = _read_both(folder)
    if wanted not in (None, digest):
        raise BundleError(f"{folder}: another bundle: expected digest {wanted}, got {digest}")
    return raw, digest


def _read_both(folder: Path) -> tuple[bytes, str]:
    """The manifest's bytes and their digest, once the two files agree."""
    for _ in range(_ATTEMPTS):
        raw, stated = read_manifest_bytes(folder), stated_digests(folder)
        digest = hashlib.sha256(raw).hexdigest()
        if stated is None or digest in stated:
            return raw, digest
    raise BundleError(
        f"{folder / MANIFEST_NAME}: not what {MANIFEST_DIGEST_NAME} says: changed, got sha256 {digest[:12]}…: "
        "export the bundle again, or get it again from where it came"
    )


def stated_digests(folder: Path) -> tuple[str, ...] | None:
    """What the file beside the manifest says; two digests while one manifest replaces another, None without the file.

    Raises:
        BundleError: It is not of the form of `sha256sum`'s.
    """
    path = folder / MANIFEST_DIGEST_NAME
    if not path.exists():
        return None
    lines = read_document(path, limit=_LARGEST).decode("ascii", "replace").splitlines()
    found = [_LINE.fullmatch(line) for line in lines]
    if not 1 <= len(found) <= 2 or None in found:
        raise BundleError(f"{path}: expected one line `HEX  {MANIFEST_NAME}`, as `sha256sum {MANIFEST_NAME}` writes it")
    return tuple(match[1] for match in found if match)
