"""A pipeline's name by content."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from accel_runtime.bundle import describe_file


def content_digest(folder: Path, files: Iterable[str], *, seed: int | None) -> str:
    """The hash of what an export reads, whatever the folder is called.

    Args:
        folder: The pipeline's.
        files: Relative to it.
        seed: Of random weights; None for those among ``files``.
    """
    contents = {name: describe_file(folder / name).sha256 for name in sorted(files)}
    return hashlib.sha256(json.dumps([contents, seed]).encode()).hexdigest()


def is_description(name: str) -> bool:
    """Whether a file says how weights are to be used: a config, or part of the tokenizer."""
    return name.endswith((".json", ".txt"))
