"""A bundle on disk, opened strictly: manifest, sizes and hashes."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from accel_runtime.durable import write_bytes
from accel_runtime.errors import BundleError
from accel_runtime.manifest import (
    MANIFEST_DIGEST_NAME,
    MANIFEST_NAME,
    FileSpec,
    Manifest,
    encode_manifest,
    read_manifest,
)

Verification = Literal["hashes", "sizes"]


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened bundle: where it lies and what it says of itself."""

    folder: Path
    manifest: Manifest

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest; as that holds the hash of every file, it names the whole bundle."""
        return hashlib.sha256(encode_manifest(self.manifest)).hexdigest()

    def path(self, file: str) -> Path:
        """Where ``file``, a path of the manifest, lies on disk."""
        return self.folder / file


def read_bundle(folder: Path, *, verification: Verification = "hashes") -> Bundle:
    """Open the bundle in ``folder``.

    Args:
        folder: The bundle's folder.
        verification: `hashes` reads every byte once; `sizes` only looks at file sizes.

    Raises:
        BundleError: Something is missing, changed or malformed; names the file.
    """
    bundle = Bundle(folder=folder, manifest=read_manifest(folder))
    for _ in verify_files(bundle, verification=verification):
        pass
    return bundle


def verify_files(bundle: Bundle, *, verification: Verification = "hashes") -> Iterator[str]:
    """Check every file of the manifest; yield each path once it holds.

    Raises:
        BundleError: A file is missing, has another size or another hash.
    """
    files = bundle.manifest.files
    for path, spec in files.items():
        _check_size(bundle, path, spec=spec)
    if verification == "sizes":
        yield from files
        return
    # hashlib releases the GIL, so two threads read and hash two files at a time.
    with ThreadPoolExecutor(max_workers=2) as pool:
        digests = pool.map(lambda path: _sha256(bundle.path(path)), files)
        for (path, spec), digest in zip(files.items(), digests, strict=True):
            if digest != spec.sha256:
                raise BundleError(
                    f"{bundle.path(path)}: content changed: expected sha256 {spec.sha256[:12]}…, "
                    f"got {digest[:12]}…: export the bundle again"
                )
            yield path


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``manifest`` and its digest into ``folder``, where an older manifest may lie.

    The digest file is what `sha256sum` writes and checks. Two files cannot be renamed as one, so it names both
    manifests while one replaces the other: a reader may find either, and so may who comes after a kill.

    Raises:
        WriteError: They cannot be written; the old manifest is in place.
    """
    path, raw = folder / MANIFEST_NAME, encode_manifest(manifest)
    new = hashlib.sha256(raw).hexdigest()
    old = [_sha256(path)] if path.exists() else []
    _write_digests(folder, [new, *old])
    write_bytes(path, raw)
    if old:
        _write_digests(folder, [new])


def _write_digests(folder: Path, digests: Sequence[str]) -> None:
    lines = "".join(f"{digest}  {MANIFEST_NAME}\n" for digest in dict.fromkeys(digests))
    write_bytes(folder / MANIFEST_DIGEST_NAME, lines.encode())


def describe_file(path: Path) -> FileSpec:
    """Size and hash of the file at ``path``."""
    return FileSpec(size=path.stat().st_size, sha256=_sha256(path))


def _check_size(bundle: Bundle, path: str, *, spec: FileSpec) -> None:
    full = bundle.path(path)
    if not full.is_file():
        raise BundleError(f"{full}: missing, but listed in {MANIFEST_NAME}: export the bundle again")
    size = full.stat().st_size
    if size != spec.size:
        raise BundleError(
            f"{full}: expected {spec.size} bytes, got {size}: truncated or changed, export the bundle again"
        )


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from error
