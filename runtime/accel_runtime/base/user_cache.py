"""Folders for what can be made again, which a user may delete at any time."""

import os
from pathlib import Path


def user_cache(name: str, *, variable: str) -> Path:
    """The folder that the environment ``variable`` names, or ``accel/name`` in the user's cache."""
    chosen = os.environ.get(variable)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(chosen).absolute() if chosen else cache / "accel" / name
