"""Files that a bundle gets after its export: schedule tables and plans (docs/design/0016-crash-safety.md).

Such a file is named by its content, so that no other content ever has its name, and a file that the manifest does not
list any more can be told from one that is somebody else's.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from accel_runtime.base.reading import read_document
from accel_runtime.bundle.bundle import Bundle, describe_file, read_bundle, write_manifest
from accel_runtime.durable import PATIENCE_S, lock, make_folder, remove_file, sweep, write_bytes
from accel_runtime.errors import BundleError
from accel_runtime.manifest import MANIFEST_NAME, FileSpec, Manifest, is_plan_name
from accel_runtime.plans.file import LARGEST_PLAN, parse_plan
from accel_runtime.schedules.file import SCHEDULE_SUFFIX, ScheduleFile

_HASH_LENGTH: Final = 8


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of a bundle that gets files after the export.

    Attributes:
        folder: Its name in the bundle.
        suffix: How the names of its files end.
        stems: The names, less folder and suffix, that we may have given a file of this path and content; raises
            `BundleError` where the content is of another kind.
    """

    folder: str
    suffix: str
    stems: Callable[[Path, bytes], Collection[str]]

    def path(self, name: str, content: bytes) -> str:
        """The path in a bundle of the file for ``name`` with this content."""
        return f"{self.folder}/{_stem(name, content)}{self.suffix}"

    def abandoned(self, folder: Path, listed: Collection[str]) -> Iterator[str]:
        """Files that no manifest lists, known by name and content: a change that was killed wrote or replaced them."""
        for path in (folder / self.folder).glob(f"*{self.suffix}"):
            file = path.relative_to(folder).as_posix()
            if file not in listed and self._is_ours(path):
                yield file

    def _is_ours(self, path: Path) -> bool:
        try:
            return path.name.removesuffix(self.suffix) in self.stems(path, read_document(path))
        except BundleError:
            return False


@contextmanager
def changing(folder: Path) -> Iterator[Bundle]:
    """Keep other writers off a bundle within the block, which is given what the bundle is by then.

    Raises:
        BundleError: It cannot be read.
        WriteError: Another process goes on writing to it.
    """
    with lock(folder / MANIFEST_NAME, patience_s=PATIENCE_S):
        yield read_bundle(folder, verification="sizes")


def put(bundle: Bundle, shelf: Shelf, name: str, content: bytes) -> tuple[str, FileSpec]:
    """Write a file that the manifest does not list yet; returns its path in the bundle, and its size and hash.

    Raises:
        WriteError: It cannot be written.
    """
    file = shelf.path(name, content)
    make_folder(bundle.folder / shelf.folder)
    write_bytes(bundle.path(file), content)
    return file, describe_file(bundle.path(file))


def relisted(bundle: Bundle, shelf: Shelf, *, used: Collection[str], superseded: str | None) -> dict[str, FileSpec]:
    """The listed files of a bundle, less those of a shelf that nothing refers to.

    Args:
        bundle: The bundle as it is.
        shelf: Where the change is made.
        used: Files of the shelf that the new manifest refers to.
        superseded: The file that was just replaced, which stays for readers that have just read the old manifest.
    """
    kept = {*used, superseded}
    return {
        path: spec
        for path, spec in bundle.manifest.files.items()
        if path in kept or not path.startswith(f"{shelf.folder}/")
    }


def publish(folder: Path, manifest: Manifest, *, shelf: Shelf) -> None:
    """Put a changed manifest in place, then remove what it does not list of the shelf that was changed.

    Raises:
        WriteError: It cannot be written; the old manifest is in place.
    """
    write_manifest(folder, manifest)
    for file in tuple(shelf.abandoned(folder, manifest.files)):
        remove_file(folder / file)
    for each in (folder, folder / shelf.folder):
        # A manifest may list plans or tables of other folders.
        if each.is_dir():
            sweep(each)


def _stem(name: str, content: bytes) -> str:
    return f"{name}-{hashlib.sha256(content).hexdigest()[:_HASH_LENGTH]}"


def _of_tables(path: Path, content: bytes) -> tuple[str, ...]:
    scheduler = ScheduleFile.decode(content, path).scheduler
    return scheduler, _stem(scheduler, content)  # an export does not need the hash


def _of_plan(path: Path, content: bytes) -> tuple[str, ...]:
    name = path.stem.rpartition("-")[0]
    if len(content) > LARGEST_PLAN or not is_plan_name(name):
        return ()
    parse_plan(content, path, error=BundleError)
    return (_stem(name, content),)


SCHEDULES: Final = Shelf("schedules", SCHEDULE_SUFFIX, _of_tables)
PLANS: Final = Shelf("plans", ".json", _of_plan)
SHELVES: Final = (SCHEDULES, PLANS)
