"""Profiles by name or path, read from their files and written to them."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import tomlkit
import typer

from accel_bench.profiles.checks import find_problems
from accel_bench.profiles.schema import Profile
from accel_bench.profiles.toml import parse_toml, read_toml, refuse, show, suggest
from accel_runtime.errors import InputError

_PACKAGE = Path(__file__).parents[1]
_SUFFIX = ".toml"

# The user's own folder, in place of `accel/profiles` among the platform's settings.
FOLDER_VARIABLE = "ACCEL_PROFILES"


def load_profile(name_or_path: str | Path) -> Profile:
    """The profile of a name, shipped or in the user's folder, or of a path.

    Raises:
        InputError: There is none, or it breaks the schema; names file and key, what was expected and what was there.
    """
    return read_profile(find_profile(name_or_path))


def list_profiles() -> tuple[Profile, ...]:
    """Every profile that can be called by name.

    Raises:
        InputError: One of them breaks the schema.
    """
    return tuple(read_profile(path) for path in find_profiles().values())


def read_profile(path: Path) -> Profile:
    """The profile in the file ``path``.

    Raises:
        InputError: As for `load_profile`.
    """
    return _check(read_toml(path, Profile), file=str(path), name=path.stem)


def parse_profile(text: str, *, file: str, name: str) -> Profile:
    """The profile in a text that ``file``, of this ``name``, shall have.

    Raises:
        InputError: As for `load_profile`.
    """
    return _check(parse_toml(text.encode(), Profile, file=file), file=file, name=name)


def _check(profile: Profile, *, file: str, name: str) -> Profile:
    if profile.name != name:
        refuse(file, ("name",), expected=f"the file's name, {show(name)}", got=show(profile.name))
    for problem in find_problems(profile):
        refuse(file, problem.keys, expected=problem.expected, got=problem.got)
    return profile


def encode_profile(profile: Profile) -> bytes:
    """The TOML file of ``profile``; what has its default is left out."""
    return tomlkit.dumps(msgspec.to_builtins(profile)).encode()


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
