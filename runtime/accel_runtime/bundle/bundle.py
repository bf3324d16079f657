"""A bundle on disk, opened strictly: manifest and its digest, files within the folder, sizes, hashes, graphs."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Literal

from accel_runtime.base.reading import read_document
from accel_runtime.bundle.contract import check_contract
from accel_runtime.bundle.graph_files import check_graphs
from accel_runtime.durable import is_hidden_sibling, write_bytes
from accel_runtime.errors import BundleError
from accel_runtime.manifest import (
    MANIFEST_DIGEST_NAME,
    MANIFEST_NAME,
    FileSpec,
    Manifest,
    encode_manifest,
    parse_manifest,
)
from accel_runtime.manifest.digest import read_checked

Verification = Literal["hashes", "sizes"]
# Of a file: device, inode, bytes, and when it was last written to, in nanoseconds. When its inode last changed would
# tell of writers that set that time back, but also of every hard link that a copy of the bundle makes.
Identity = tuple[int, int, int, int]

_CHANGED = "export the bundle again"


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened bundle: where it lies and what it says of itself.

    Attributes:
        folder: Where it lies.
        manifest: Manifest of the bundle.
        digest: SHA-256 of `accel.json`, as `sha256sum` gives it; as that holds the hash of every file, it names the
            whole bundle.
        seen: Identity of each file when the bundle was opened, by path.
        reads: Graph → the files that it reads besides itself.
    """

    folder: Path
    manifest: Manifest
    digest: str
    seen: Mapping[str, Identity] = field(default_factory=dict, compare=False)
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)

    def path(self, file: str) -> Path:
        """Where ``file``, a path of the manifest, lies on disk."""
        return self.folder / file

    def read(self, file: str) -> bytes:
        """The bytes of ``file``, a path of the manifest, which are those that it was exported with.

        Raises:
            BundleError: The file cannot be read, or has changed.
        """
        raw = read_document(self.path(file))
        self._check_hash(file, hashlib.sha256(raw).hexdigest())
        return raw

    @contextmanager
    def held(self, graph: str) -> Iterator[Path]:
        """The path of a graph for a library that reads it, and what belongs to it, by itself.

        Raises:
            BundleError: A file is not what it was when the bundle was opened, before the block or after it.
        """
        files = (graph, *self.reads.get(graph, ()))
        self.check_seen(files)
        yield self.path(graph)
        self.check_seen(files)

    def check_graphs(self) -> None:
        """Whether all graphs and their weights are those that were there when the bundle was opened.

        Raises:
            BundleError: A file was replaced or written to.
        """
        self.check_seen({*self.reads, *chain.from_iterable(self.reads.values())})

    def check_seen(self, files: Iterable[str]) -> None:
        """The same of some files: a look at each, not at its bytes."""
        for file in files:
            if file in self.seen and _identity(self.path(file)) != self.seen[file]:
                raise BundleError(f"{self.path(file)}: changed since the bundle was opened: open it again")

    def _check_hash(self, file: str, digest: str) -> None:
        expected = self.manifest.files[file].sha256
        if digest != expected:
            raise BundleError(
                f"{self.path(file)}: content changed: expected sha256 {expected[:12]}…, got {digest[:12]}…: {_CHANGED}"
            )


def read_bundle(folder: Path, *, verification: Verification = "hashes", digest: str | None = None) -> Bundle:
    """Open the bundle in ``folder``.

    Args:
        folder: The bundle's folder.
        verification: `hashes` reads every byte once; `sizes` leaves out the weights, of which it looks at the sizes.
        digest: Required `Bundle.digest`; None accepts any bundle.

    Raises:
        BundleError: Something is missing, changed or malformed, or it is another bundle; names the file.
        BackendError: A package in it cannot be read.
        InputError: ``digest`` is none.
    """
    raw, actual = read_checked(folder, wanted=digest)
    manifest = parse_manifest(raw, folder / MANIFEST_NAME)
    seen = {path: _look(folder, path, spec=spec) for path, spec in manifest.files.items()}
    bundle = Bundle(folder=folder, manifest=manifest, digest=actual, seen=seen)
    for _ in verify_files(bundle, verification=verification):
        pass
    try:
        check_contract(manifest)
    except BundleError as error:
        raise BundleError(f"{folder / MANIFEST_NAME}: {error}") from error
    return replace(bundle, reads=check_graphs(manifest, folder, read=bundle.read))


def verify_files(bundle: Bundle, *, verification: Verification = "hashes") -> Iterator[str]:
    """Check every file of the manifest; yield each path once it holds.

    Raises:
        BundleError: A file has another hash, or is not the one that was there when the bundle was opened.
    """
    files = bundle.manifest.files
    if verification == "sizes":
        yield from files
        return
    # hashlib releases the GIL, so two threads read and hash two files at a time.
    with ThreadPoolExecutor(max_workers=2) as pool:
        digests = pool.map(lambda path: _sha256(bundle.path(path)), files)
        for path, digest in zip(files, digests, strict=True):
            bundle._check_hash(path, digest)  # noqa: SLF001
            # What was hashed is what was seen, and is what `held` will hold.
            bundle.check_seen([path])
            yield path


def unlisted_files(folder: Path, listed: Iterable[str]) -> tuple[str, ...]:
    """What lies in a bundle's folder and is neither listed in its manifest nor written by accel itself.

    Args:
        folder: The bundle's.
        listed: Paths of the manifest.

    Returns:
        Paths of files, and of links to folders.
    """
    known = {MANIFEST_NAME, MANIFEST_DIGEST_NAME, *listed}
    found = []
    for parent, folders, files in os.walk(folder):
        links = (name for name in folders if Path(parent, name).is_symlink())
        paths = (Path(parent, name).relative_to(folder) for name in (*files, *links))
        found += [str(path) for path in paths if path.as_posix() not in known and not is_hidden_sibling(path.name)]
    return tuple(sorted(found))


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


def _look(folder: Path, path: str, *, spec: FileSpec) -> Identity:
    """The identity of a listed file, which is in the folder itself and as long as it should be."""
    full = folder / path
    if not full.is_file():
        raise BundleError(f"{full}: missing, but listed in {MANIFEST_NAME}: {_CHANGED}")
    # Some backends refuse what lies elsewhere, and what lies elsewhere may be changed by others.
    real = Path(os.path.realpath(full))
    if real != Path(os.path.realpath(folder)) / path:
        raise BundleError(
            f"{full}: a link to {real}, but a bundle's files are its own: copy it with `cp -rL`, "
            "or download it into a folder of its own"
        )
    identity = _identity(full)
    if identity[2] != spec.size:
        raise BundleError(f"{full}: expected {spec.size} bytes, got {identity[2]}: truncated or changed, {_CHANGED}")
    return identity


def _identity(path: Path) -> Identity:
    try:
        found = path.stat()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from error
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from error
