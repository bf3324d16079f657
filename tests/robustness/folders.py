"""What lies in a folder, to be compared."""

from pathlib import Path

from tests.kept import tree_digest

__all__ = ["names", "tree_digest"]


def names(folder: Path) -> list[str]:
    """All files and folders below a folder, hidden ones too."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
