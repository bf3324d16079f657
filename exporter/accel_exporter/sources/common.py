"""The files of a pipeline as they lie on disk: which are there, whether they are whole, and what they hold."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from accel_runtime.base.reading import read_document
from accel_runtime.bundle.bundle import describe_file
from accel_runtime.errors import AccelError, SourceError

# The content of a large file in a clone without Git LFS (git-lfs.github.com/spec/v1).
_POINTER: Final = b"version https://git-lfs"


def folder_listing(folder: Path) -> frozenset[str]:
    """Return the files that can belong to a pipeline: at the root, and one level below.

    A link to nothing counts: that it is wanted and not whole must be said.
    """
    found = [path for pattern in ("*", "*/*") for path in folder.glob(pattern) if path.is_file() or _is_dangling(path)]
    return frozenset(path.relative_to(folder).as_posix() for path in found)


def whole_files(folder: Path) -> frozenset[str]:
    """Return those of the `folder_listing` that are there."""
    return frozenset(name for name in folder_listing(folder) if (folder / name).is_file())


def check_files(folder: Path, names: Iterable[str]) -> None:
    """Check that files are whole enough to be opened at all.

    Args:
        folder: The pipeline's.
        names: Files that will be read, relative to the folder.

    Raises:
        SourceError: A link leads nowhere, a file is a Git LFS pointer, or cannot be read.
    """
    for name in names:
        path = folder / name
        if _is_dangling(path):
            raise SourceError(f"{name} is a link to a file that is not there: the download is incomplete, repeat it")
        try:
            with path.open("rb") as file:
                start = file.read(len(_POINTER))
        except OSError as error:
            raise SourceError(f"{name} cannot be read: {error.strerror}") from error
        if start == _POINTER:
            raise SourceError(f"{name} is a Git LFS pointer, not the file: run `git lfs pull` in its repository")


def _is_dangling(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def read_object(folder: Path, name: str, *, error: type[AccelError] = SourceError) -> dict[str, Any]:
    """Return the JSON object in ``folder/name``; infinite numbers are read, since diffusers writes them.

    Raises:
        AccelError: As ``error``; the file is missing, unreadable, too large, not JSON, or JSON of another type.
    """
    if not (folder / name).exists():
        raise error(f"{name} is missing: expected it in the pipeline folder '{folder}'")
    try:
        value = json.loads(read_document(folder / name, error=error).decode())
    except (ValueError, RecursionError) as failure:
        raise error(f"{name} is not JSON ({failure}): download or save the pipeline again") from failure
    if not isinstance(value, dict):
        raise error(f"{name}: expected a JSON object, got {type(value).__name__}")
    return value


def content_digest(folder: Path, files: Iterable[str], *, seed: int | None) -> str:
    """The hash of the files that an export reads. It does not depend on the folder's name.

    Args:
        folder: The pipeline's.
        files: Files relative to the folder.
        seed: Seed of random weights; None where weights are among ``files``.
    """
    contents = {name: describe_file(folder / name).sha256 for name in sorted(files)}
    return hashlib.sha256(json.dumps([contents, seed]).encode()).hexdigest()


def is_description(name: str) -> bool:
    """Whether a file says how weights are to be used: a config, or part of the tokenizer."""
    return name.endswith((".json", ".txt"))
