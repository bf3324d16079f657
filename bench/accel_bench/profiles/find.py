"""Where profiles lie: those that are shipped, those in the user's folder, and any path."""

import os
from collections.abc import Sequence
from pathlib import Path

import typer

from accel_bench.profiles.toml import suggest
from accel_runtime.errors import InputError

_PACKAGE = Path(__file__).parents[1]
_SUFFIX = ".toml"

# The user's own folder, in place of `accel/profiles` among the platform's settings.
FOLDER_VARIABLE = "ACCEL_PROFILES"


def shipped_folder(package: Path = _PACKAGE) -> Path:
    """The profiles of this version: beside the code in a wheel, at the root of a checkout."""
    installed = package / "_profiles"
    return installed if installed.is_dir() else package.parents[1] / "profiles"


def user_folder() -> Path:
    """Where the user's profiles are looked for."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen) if chosen else Path(typer.get_app_dir("accel")) / "profiles"


def find_profiles() -> dict[str, Path]:
    """Every profile that can be called by name, sorted.

    Raises:
        InputError: Two have one name.
    """
    return _by_name((shipped_folder(), user_folder()))


def find_profile(name_or_path: str | Path) -> Path:
    """The file of a profile: a path where the text ends in `.toml` or has a folder, else a name.

    Raises:
        InputError: There is none, or two of that name.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(_SUFFIX) or Path(text).name != text:
        return Path(name_or_path)
    known = find_profiles()
    if text not in known:
        hint = suggest(text, list(known))
        raise InputError(f"profile: expected one of {', '.join(known)}, or the path of a .toml file, got {hint}")
    return known[text]


def _by_name(folders: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in (path for folder in folders for path in sorted(folder.glob(f"*{_SUFFIX}"))):
        # A shipped name stands for published figures, so a file of the user's does not take its place in silence.
        if path.stem in found:
            raise InputError(f"profile {path.stem}: expected one file, got {found[path.stem]} and {path}: rename yours")
        found[path.stem] = path
    return dict(sorted(found.items()))
