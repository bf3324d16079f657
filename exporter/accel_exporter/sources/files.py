"""The files of a pipeline as they lie on disk: whether what is to be read is there, and is the file itself."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from accel_runtime.errors import SourceError

# What a clone without Git LFS has in the place of a large file (git-lfs.github.com/spec/v1).
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
        names: What will be read, relative to it.

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
